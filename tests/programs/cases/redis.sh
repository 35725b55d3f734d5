# A server on a free port of the loopback, and its benchmark without the figures.
for port in $(seq 17379 17399); do
  redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --daemonize no >log 2>&1 &
  server=$!
  for _ in $(seq 1 100); do
    redis-cli -p "$port" ping >/dev/null 2>&1 && break 2
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
done
redis-benchmark -p "$port" -q -n 5000 -c 20 -t ping,set,get,incr,lpush,lrange_100 2>&1 |
  tr '\r' '\n' | grep 'requests per second' | sed 's/: .*//'
redis-cli -p "$port" eval 'for i = 1, 1000 do redis.call("set", "k" .. i, i) end return redis.call("dbsize")' 0
redis-cli -p "$port" save
redis-cli -p "$port" bgsave
while redis-cli -p "$port" info persistence | grep -q 'rdb_bgsave_in_progress:1'; do sleep 0.05; done
redis-cli -p "$port" info persistence | grep rdb_last_bgsave_status | tr -d '\r'
redis-cli -p "$port" get k77
redis-cli -p "$port" shutdown nosave
wait "$server"
echo "server: $?"
