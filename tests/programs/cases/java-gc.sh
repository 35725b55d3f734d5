# Much garbage from several threads, small heaps, three collectors.
cat >Garbage.java <<'END'
import java.util.*;
import java.util.concurrent.*;

public class Garbage {
  static long work(int seed) {
    Random random = new Random(seed);
    Map<Integer, byte[]> live = new HashMap<>();
    long sum = 0;
    for (int i = 0; i < 200000; ++i) {
      byte[] block = new byte[64 + random.nextInt(1024)];
      block[0] = (byte) i;
      byte[] old = live.put(random.nextInt(5000), block);
      if (old != null) sum += old.length + old[0];
    }
    return sum;
  }

  public static void main(String[] arguments) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<Long>> results = new ArrayList<>();
    for (int i = 0; i < 8; ++i) { final int seed = i; results.add(pool.submit(() -> work(seed))); }
    long total = 0;
    for (Future<Long> result : results) total += result.get();
    pool.shutdown();
    System.out.println(total);
    try { Object nothing = arguments.length == 0 ? null : arguments; nothing.hashCode(); }
    catch (NullPointerException exception) { System.out.println("a null pointer"); }
    try { deep(0); } catch (StackOverflowError error) { System.out.println("a stack overflow"); }
  }

  static int deep(int n) { return deep(n + 1) + 1; }
}
END
javac Garbage.java || exit
for collector in Serial Parallel G1; do
  echo "$collector"
  java -XX:+Use${collector}GC -Xmx128m -cp . Garbage
done
