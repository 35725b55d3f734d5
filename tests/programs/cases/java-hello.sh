cat >Hello.java <<'END'
public class Hello {
  public static void main(String[] arguments) {
    System.out.println("Hello from Java " + System.getProperty("java.specification.version"));
    System.exit(2);
  }
}
END
java -Xshare:auto Hello.java
