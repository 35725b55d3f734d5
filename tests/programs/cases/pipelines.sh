# Pipelines, command substitution, here documents, job control.
set -e
seq 1 100000 | awk '{ print ($1 * 7919) % 100003 }' | sort -n | uniq | wc -l
for word in one two three; do echo "$word"; done | tr a-z A-Z | rev | tac
printf '%s\n' "$(cat <<END
a here document with $(echo a command)
END
)"
paste <(seq 1 5) <(seq 6 10) | while read -r a b; do echo $((a * b)); done
yes | head -n 100000 | md5sum
(exit 7) || echo "status $?"
sleep 0 & wait $! && echo waited
trap 'echo got a signal' USR1
kill -USR1 $$
bash -c 'kill -TERM $$' || echo "status $?"
set -o pipefail
false | true || echo "pipefail $?"
