# A shell that forks 500 times.
sum=0
for i in $(seq 1 500); do
  sum=$((sum + $(echo "$i")))
done
echo "$sum"
