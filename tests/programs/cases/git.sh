set -e
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
git init -q -b main project && cd project
for commit in $(seq 1 10); do
  export GIT_AUTHOR_DATE="$((1000000000 + commit)) +0000" GIT_COMMITTER_DATE="$((1000000000 + commit)) +0000"
  for file in $(seq 1 20); do seq "$commit" $((commit * file)) >"file.$file"; done
  git add .
  git commit -q -m "Commit $commit"
done
git log --oneline
git checkout -q -b branch HEAD~3
echo else >other && git add other && git commit -q -m "On a branch"
git checkout -q main && git merge -q -m "Merge" branch
git log --graph --format='%h %s' | head -n 5
git diff --stat HEAD~5 | tail -n 1
git gc -q && git fsck --full 2>&1
git count-objects -v | grep -v '^size'
git clone -q . ../copy && git -C ../copy rev-parse HEAD
git status --short
