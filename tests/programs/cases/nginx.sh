# Two workers serve a file on a free port of the loopback.
seq 1 500000 >numbers
for port in $(seq 18080 18099); do
  cat >nginx.conf <<END
daemon off;
user root;
worker_processes 2;
pid $PWD/pid;
error_log $PWD/errors;
events { worker_connections 64; }
http {
  access_log $PWD/access;
  client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
  sendfile on;
  gzip on; gzip_types text/plain; default_type text/plain;
  server { listen 127.0.0.1:$port; root $PWD; }
}
END
  nginx -e "$PWD/errors" -c "$PWD/nginx.conf" 2>start &
  server=$!
  for _ in $(seq 1 100); do
    curl -s -o /dev/null "http://127.0.0.1:$port/nginx.conf" && break 2
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
done
for _ in $(seq 1 20); do curl -s "http://127.0.0.1:$port/numbers" | md5sum; done | sort | uniq -c
curl -s --compressed "http://127.0.0.1:$port/numbers" | md5sum
curl -s -r 100-119 "http://127.0.0.1:$port/numbers"
curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$port/missing"
kill -HUP "$server"
sleep 0.3
curl -s "http://127.0.0.1:$port/numbers" | wc -c
kill -QUIT "$server"
wait "$server"
echo "server: $?"
wc -l <access
