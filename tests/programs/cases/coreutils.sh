set -e
mkdir -p tree/a/b && cd tree
seq 1 200000 >numbers
split -l 50000 -d numbers part. && ls
sha256sum part.* | cut -c1-16
sort -R --random-source=numbers numbers | sort -n | cmp - numbers && echo "sorted"
sort --parallel=4 -S 4M -r numbers | head -n 3
cp -a numbers a/copy && ln -s ../copy a/b/link && stat -c '%s %F' a/copy a/b/link
find . -type f | sort | xargs wc -c | tail -n 1
join <(seq 1 9) <(seq 5 12) | tr '\n' ' '
comm -12 <(seq 1 9) <(seq 5 9) | paste -sd+
dd if=numbers of=blocks bs=4096 count=16 status=none && cksum <blocks
truncate -s 1M sparse && du --apparent-size -k sparse
timeout 0.2 sleep 5 || echo "timeout $?"
env -i A=1 printenv
tee a/one a/two <blocks | od -A d -t x1 | tail -n 2
mv a/one a/b && rm -r a && ls
numfmt --to=iec 1048576
expr 6 \* 7
nice -n 5 echo "nice"
