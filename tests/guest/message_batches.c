// sendmmsg and recvmmsg.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

enum { kMessages = 4 };

static char bytes[kMessages][16];
static struct iovec pieces[kMessages];
static struct mmsghdr batch[kMessages];

static void prepare(const char* text) {
  memset(batch, 0, sizeof batch);
  for (int i = 0; i < kMessages; ++i) {
    snprintf(bytes[i], sizeof bytes[i], "%s", text);
    pieces[i] = (struct iovec){bytes[i], text[0] != 0 ? strlen(text) - (unsigned)i : sizeof bytes[i]};
    batch[i].msg_hdr.msg_iov = &pieces[i];
    batch[i].msg_hdr.msg_iovlen = 1;
    batch[i].msg_len = 77;
  }
}

static void lengths(void) {
  for (int i = 0; i < kMessages; ++i) printf("  %u '%.*s'\n", batch[i].msg_len, (int)batch[i].msg_len % 77, bytes[i]);
}

int main(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) die("socketpair");
  prepare("message");
  SHOW("send", sendmmsg(pair[0], batch, kMessages, 0));
  lengths();
  prepare("");
  SHOW("receive two", recvmmsg(pair[1], batch, 2, 0, NULL));
  lengths();
  SHOW("receive what is there", recvmmsg(pair[1], batch, kMessages, MSG_WAITFORONE, NULL));
  lengths();
  SHOW("nothing is there", recvmmsg(pair[1], batch, kMessages, MSG_DONTWAIT, NULL));

  prepare("timed");
  SHOW("send", sendmmsg(pair[0], batch, 3, 0));
  struct timespec none = {0, 0}, bad = {0, 2000000000}, long_time = {100, 0};
  SHOW("no time: one", recvmmsg(pair[1], batch, kMessages, 0, &none));
  SHOW("a bad time", recvmmsg(pair[1], batch, kMessages, 0, &bad));
  SHOW("long", recvmmsg(pair[1], batch, 2, 0, &long_time));
  printf("time is left: %d\n", long_time.tv_sec == 99 && long_time.tv_nsec > 0);

  prepare("error");
  batch[2].msg_hdr.msg_iov = (struct iovec*)8;
  SHOW("the third is bad", sendmmsg(pair[0], batch, kMessages, 0));
  prepare("");
  SHOW("receive", recvmmsg(pair[1], batch, kMessages, MSG_DONTWAIT, NULL));
  batch[0].msg_hdr.msg_iov = (struct iovec*)8;
  SHOW("the first is bad", sendmmsg(pair[0], batch, kMessages, 0));
  SHOW("no batch", sendmmsg(pair[0], (struct mmsghdr*)8, 1, 0));
  SHOW("no batch, none", sendmmsg(pair[0], (struct mmsghdr*)8, 0, 0));
  SHOW("no descriptor", sendmmsg(99, batch, 1, 0));
  SHOW("no socket", recvmmsg(STDIN_FILENO, batch, 1, 0, NULL));
  SHOW("no socket, none", sendmmsg(STDIN_FILENO, batch, 0, 0));
  SHOW("no pointer to a time", recvmmsg(99, batch, 1, 0, (struct timespec*)8));
  SHOW("a flag of the kernel's", sendmmsg(99, batch, 1, (int)0x80000000u));

  // Descriptors travel in each.
  char control[2][CMSG_SPACE(sizeof(int))];
  prepare("with one");
  for (int i = 0; i < 2; ++i) {
    batch[i].msg_hdr.msg_control = control[i];
    batch[i].msg_hdr.msg_controllen = sizeof control[i];
    struct cmsghdr* header = CMSG_FIRSTHDR(&batch[i].msg_hdr);
    *header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &pair[i], sizeof(int));
  }
  SHOW("send two", sendmmsg(pair[0], batch, 2, 0));
  memset(control, 0, sizeof control);
  SHOW("receive two", recvmmsg(pair[1], batch, 2, MSG_CMSG_CLOEXEC, NULL));
  for (int i = 0; i < 2; ++i) {
    int fd = -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&batch[i].msg_hdr)), sizeof fd);
    SHOW("got one", fcntl(fd, F_GETFD));
  }
  return 0;
}
