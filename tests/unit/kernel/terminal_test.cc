#include "kernel/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <span>
#include <string_view>
#include <vector>

namespace gonzo {
namespace {

class TerminalKeys : public testing::Test {
 protected:
  TerminalKeys() {
    settings.c_lflag = ISIG | ICANON | IEXTEN;
    settings.c_cc[VINTR] = 3;
    settings.c_cc[VQUIT] = 28;
    settings.c_cc[VSUSP] = 26;
    settings.c_cc[VLNEXT] = 22;
  }
  std::vector<int> press(std::string_view keys) {
    const KeySignals pressed = signals_of_keys(settings, std::as_bytes(std::span(keys)), quoted);
    quoted = pressed.quotes_next;
    return pressed.signals;
  }
  termios settings{};
  bool quoted = false;
};

TEST_F(TerminalKeys, SendTheirSignalsInOrder) {
  EXPECT_EQ(press("a\x1a\x03z\x1c"), (std::vector{SIGTSTP, SIGINT, SIGQUIT}));
}

TEST_F(TerminalKeys, AreCharactersWithoutIsig) {
  settings.c_lflag &= ~static_cast<tcflag_t>(ISIG);
  EXPECT_TRUE(press("\x03\x1a").empty());
}

TEST_F(TerminalKeys, AreCharactersWhereSomebodyElseEdits) {
  settings.c_lflag |= EXTPROC;
  EXPECT_TRUE(press("\x03").empty());
}

TEST_F(TerminalKeys, TheQuotedOneIsACharacter) {
  EXPECT_EQ(press("\x16\x03\x03"), std::vector{SIGINT});
  EXPECT_TRUE(press("\x16").empty());
  EXPECT_TRUE(press("\x03").empty()) << "quoted by the write before";
  EXPECT_EQ(press("\x03"), std::vector{SIGINT});
}

TEST_F(TerminalKeys, NothingIsQuotedInRawMode) {
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON);
  EXPECT_EQ(press("\x16\x03"), std::vector{SIGINT});
}

TEST_F(TerminalKeys, ADisabledKeyIsNone) {
  settings.c_cc[VINTR] = _POSIX_VDISABLE;
  EXPECT_TRUE(press({"\0\x03", 2}).empty());
}

TEST_F(TerminalKeys, TheEighthBitCountsUnlessItIsStripped) {
  EXPECT_TRUE(press("\x83").empty());
  settings.c_iflag |= ISTRIP;
  EXPECT_EQ(press("\x83"), std::vector{SIGINT});
}

TEST(Terminal, IsNamedByItsNumber) {
  EXPECT_EQ(terminal_path(0x8805), "/dev/pts/5");
  EXPECT_EQ(terminal_path(0x108805), "/dev/pts/261");
  EXPECT_EQ(terminal_behind(-1), 0U);
}

}  // namespace
}  // namespace gonzo
