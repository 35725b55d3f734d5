// read, write and their like: short counts at bad pages, errors in order, vectors, pipes.
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static char *two_pages_then_hole(void) {
  char *area = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(area + 2 * 4096, 4096);
  return area;
}

static void bad_pages(void) {
  char *area = two_pages_then_hole();
  memset(area, 'z', 8192);
  FILE *file = tmpfile();
  int fd = fileno(file);
  SHOW("write into the hole", write(fd, area + 4096, 8192));
  SHOW("write from the hole", write(fd, area + 8192, 10));
  lseek(fd, 0, SEEK_SET);
  SHOW("file holds", lseek(fd, 0, SEEK_END));
  lseek(fd, 0, SEEK_SET);
  SHOW("read into the hole", read(fd, area + 8192 - 100, 4096));
  SHOW("read into nothing", read(fd, area + 8192, 100));
  SHOW("read NULL", read(fd, NULL, 100));
  SHOW("read kernel", read(fd, (void *)0xffff800000000000, 100));
  SHOW("read everything", read(fd, area, SIZE_MAX));
  SHOW("read nothing, bad pointer", read(fd, (void *)8, 0));
  lseek(fd, 0, SEEK_END);
  SHOW("at the end, bad pointer", read(fd, NULL, 10));
  SHOW("bad descriptor, bad pointer", read(1000, NULL, 10));
  SHOW("directory", read(open("/", O_RDONLY), area, 10));
  SHOW("write-only", read(open("/dev/null", O_WRONLY), area, 10));
  SHOW("read-only", write(open("/dev/null", O_RDONLY), area, 10));
  SHOW("negative offset", pread(fd, area, 10, -5));
  mprotect(area, 4096, PROT_READ);
  lseek(fd, 0, SEEK_SET);
  SHOW("read into read-only memory", read(fd, area, 10));
  SHOW("stat into read-only memory", fstat(fd, (struct stat *)area));
  SHOW("open a bad name", open((char *)16, O_RDONLY));
  char long_name[PATH_MAX + 10];
  memset(long_name, 'n', sizeof long_name);
  long_name[sizeof long_name - 1] = 0;
  SHOW("open a long name", open(long_name, O_RDONLY));
  memset(area + 4096, 'n', 4096);
  SHOW("a name up to the hole", open(area + 8192 - 10, O_RDONLY));
  fclose(file);
}

static void vectors(void) {
  char a[5] = {0}, b[6] = {0}, *area = two_pages_then_hole();
  int ends[2];
  if (pipe(ends) != 0) die("pipe");
  struct iovec out[2] = {{"hello", 5}, {" world", 6}}, in[2] = {{a, 5}, {b, 6}};
  SHOW("writev", writev(ends[1], out, 2));
  SHOW("readv", readv(ends[0], in, 2));
  printf("%.5s%.6s\n", a, b);
  struct iovec many[1025] = {{0}};
  struct iovec bad[2] = {{area, 10}, {area + 8192, 10}};
  SHOW("writev, second bad", writev(ends[1], bad, 2));
  SHOW("none", writev(ends[1], out, 0));
  SHOW("too many", writev(ends[1], many, 1025));
  SHOW("negative", writev(ends[1], out, -1));
  struct iovec huge[1] = {{area, (size_t)-1}};
  SHOW("huge", writev(ends[1], huge, 1));
  SHOW("bad vector", writev(ends[1], (struct iovec *)(area + 8192), 1));
  SHOW("preadv of a pipe", preadv(ends[0], in, 1, 0));
}

static void large(void) {
  size_t size = 24 << 20;
  char *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *back = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < size; i += 4096) area[i] = (char)(i >> 12);
  FILE *file = tmpfile();
  SHOW("write 24 MiB", write(fileno(file), area, size));
  SHOW("pread 24 MiB", pread(fileno(file), back, size, 0));
  printf("same: %d\n", memcmp(area, back, size) == 0);
  int copy = fileno(tmpfile());
  off_t offset = 4096;
  SHOW("sendfile", sendfile(copy, fileno(file), &offset, 8192));
  printf("offset %ld\n", (long)offset);
  SHOW("getrandom", getrandom(back, 100000, 0));
  int zero = open("/dev/zero", O_RDONLY);
  SHOW("read /dev/zero", read(zero, back, size));
  printf("zero: %d\n", back[size - 1]);
}

static void waiting(void) {
  int ends[2], available = 0;
  if (pipe(ends) != 0) die("pipe");
  struct pollfd polled[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {1000, POLLIN, 0}};
  SHOW("poll", poll(polled, 3, 0));
  printf("%d %d %d\n", polled[0].revents, polled[1].revents, polled[2].revents);
  SHOW("write", write(ends[1], "abc", 3));
  SHOW("FIONREAD", ioctl(ends[0], FIONREAD, &available));
  printf("%d bytes\n", available);
  fd_set reading, writing;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(ends[0], &reading);
  FD_SET(ends[1], &writing);
  struct timeval second = {1, 0};
  SHOW("select", select(ends[1] + 1, &reading, &writing, NULL, &second));
  printf("%d %d\n", FD_ISSET(ends[0], &reading), FD_ISSET(ends[1], &writing));
  FD_SET(900, &reading);
  SHOW("select, closed", select(901, &reading, NULL, NULL, &second));
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77}, got = {0};
  SHOW("epoll_ctl", epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
  SHOW("epoll_ctl again", epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event));
  SHOW("epoll_wait", epoll_wait(epoll, &got, 1, 0));
  printf("data %lu\n", (unsigned long)got.data.u64);
  int counter = eventfd(3, 0);
  unsigned long value = 0;
  SHOW("eventfd", read(counter, &value, 8));
  printf("value %lu\n", value);
  SHOW("TCGETS of a pipe", ioctl(ends[0], 0x5401, &available));
  SHOW("unknown ioctl", ioctl(ends[0], 0xdeadbeef, &available));
}

static void descriptors(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) die("pipe");
  SHOW("F_GETFD", fcntl(ends[0], F_GETFD));
  int high = fcntl(ends[0], F_DUPFD, 200);
  printf("F_DUPFD: %d, flags %d\n", high, fcntl(high, F_GETFD));
  SHOW("dup2", dup2(ends[1], 300));
  SHOW("dup2 same", dup2(300, 300));
  SHOW("dup3 same", dup3(300, 300, 0));
  SHOW("dup2 closed", dup2(999, 5));
  SHOW("dup2 too high", dup2(300, 1 << 30));
  SHOW("write to the copy", write(300, "q", 1));
  char c = 0;
  SHOW("read from the copy", read(high, &c, 1));
  SHOW("close", close(300));
  SHOW("close again", close(300));
  SHOW("close_range", close_range(200, 400, 0));
  SHOW("closed", fcntl(high, F_GETFD));
  SHOW("F_GETFL", fcntl(ends[1], F_GETFL));
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) die("socketpair");
  // A descriptor travels through the socket.
  char control[CMSG_SPACE(sizeof(int))], byte = 'd';
  struct iovec one = {&byte, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &ends[1], sizeof(int));
  SHOW("sendmsg", sendmsg(pair[0], &message, 0));
  memset(control, 0, sizeof control);
  SHOW("recvmsg", recvmsg(pair[1], &message, 0));
  int passed = -1;
  memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  SHOW("write to the passed one", write(passed, "p", 1));
  SHOW("read", read(ends[0], &c, 1));
  printf("%c\n", c);
}

static void internet(void) {
  int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX}, from;
  snprintf(address.sun_path + 1, 50, "gonzo-test-%d-%ld", getpid(), (long)time(NULL));
  socklen_t length = sizeof address, from_length = sizeof from;
  SHOW("bind", bind(server, (struct sockaddr *)&address, length));
  SHOW("sendto", sendto(client, "datagram", 8, 0, (struct sockaddr *)&address, length));
  char text[20] = {0};
  SHOW("recvfrom", recvfrom(server, text, sizeof text, 0, (struct sockaddr *)&from, &from_length));
  printf("%s, address of %u bytes\n", text, from_length);
  SHOW("recv, nothing", recv(server, text, sizeof text, MSG_DONTWAIT));
  length = 2;
  SHOW("getsockname, short", getsockname(server, (struct sockaddr *)&from, &length));
  length = -1;
  SHOW("getsockname, negative", getsockname(server, (struct sockaddr *)&from, &length));
  SHOW("getsockname, bad", getsockname(server, (struct sockaddr *)8, &length));
  int type = 0;
  length = sizeof type;
  SHOW("getsockopt", getsockopt(server, SOL_SOCKET, SO_TYPE, &type, &length));
  printf("type %d\n", type);
  SHOW("connect nowhere", connect(client, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/nonexistent"}, sizeof address));
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  bad_pages();
  vectors();
  large();
  waiting();
  descriptors();
  internet();
  return 0;
}
