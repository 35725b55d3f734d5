cat >case.py <<'END'
import concurrent.futures, mmap, multiprocessing, os, queue, signal, subprocess, sys, tempfile, threading


def square(number):
    return number * number


def count(events, lock, counter):
    for _ in range(1000):
        with lock:
            counter[0] += 1
    events.put("done")


def threads():
    events, lock, counter = queue.Queue(), threading.Lock(), [0]
    workers = [threading.Thread(target=count, args=(events, lock, counter)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print("threads", counter[0], events.qsize())
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print("pool", sum(pool.map(square, range(1000))))


def subprocesses():
    print(subprocess.run(["tr", "a-z", "A-Z"], input="to a child and back", capture_output=True, text=True).stdout)
    shell = subprocess.Popen("exit 3", shell=True)
    print("status", shell.wait())
    sleeper = subprocess.Popen(["sleep", "100"])
    sleeper.send_signal(signal.SIGTERM)
    print("killed by", -sleeper.wait())
    try:
        subprocess.run(["sleep", "100"], timeout=0.1)
    except subprocess.TimeoutExpired:
        print("timed out")


def processes():
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, sum(pool.map(square, range(200))))
        value = context.Value("i", 0)
        child = context.Process(target=add, args=(value,))
        child.start()
        child.join()
        print("shared", value.value, child.exitcode)


def add(value):
    for _ in range(100):
        with value.get_lock():
            value.value += 1


def maps():
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 100000)
        file.flush()
        with mmap.mmap(file.fileno(), 0) as area:
            area[5:10] = b"hello"
            print(area.find(b"hello"), len(area), area[:12])
            area.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        print(os.read(file.fileno(), 12))
    area = mmap.mmap(-1, 1 << 20)
    if os.fork() == 0:
        area[0] = 42
        os._exit(0)
    os.wait()
    print("from the child", area[0])
    area.resize(1 << 21) if hasattr(area, "resize") else None
    print(len(area))


if __name__ == "__main__":
    threads()
    subprocesses()
    processes()
    maps()
    sys.exit(5)
END
python3 case.py
