set -e
mkdir data
for i in $(seq 1 50); do seq "$i" 20000 >"data/$i"; done
tar --sort=name --mtime=@0 --owner=0 --group=0 -cf data.tar data
sha256sum data.tar
gzip -nk data.tar && xz -k -1 -T2 data.tar
stat -c %s data.tar data.tar.gz
mkdir gz xz
tar -xzf data.tar.gz -C gz
tar -xJf data.tar.xz -C xz
diff -r data gz/data && diff -r data xz/data && echo "all the same"
tar -tzf data.tar.gz | wc -l
