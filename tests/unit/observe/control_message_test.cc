// What gonzo explain and a run say to each other.
#include "observe/control_message.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <gonzo/base/file_descriptor.h>

namespace gonzo::test {
namespace {

TEST(ControlRequest, ComesAsItWasSent) {
  const ControlRequest sent{.guest = 7,
                            .addresses = {VirtAddr(0x7fff'ffff'f000), VirtAddr(~0ULL)},
                            .format = TextFormat::kJson,
                            .columns = 60};
  const std::string line = sent.to_line();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto came = ControlRequest::parse(line);
  ASSERT_TRUE(came);
  EXPECT_EQ(came->guest, 7);
  EXPECT_EQ(came->addresses, sent.addresses);
  EXPECT_EQ(came->format, TextFormat::kJson);
  EXPECT_EQ(came->columns, 60U);
}

TEST(ControlRequest, IsCheckedField) {
  for (const char* wrong : {"", "x", "[]", "{}", R"({"guest":1})",
                            R"({"guest":"1","addresses":[],"format":"text","columns":80})",
                            R"({"guest":1,"addresses":[-1],"format":"text","columns":80})",
                            R"({"guest":1,"addresses":{},"format":"text","columns":80})",
                            R"({"guest":1,"addresses":[],"format":"xml","columns":80})",
                            R"({"guest":1,"addresses":[],"format":"text","columns":-1})"}) {
    EXPECT_FALSE(ControlRequest::parse(wrong)) << wrong;
  }
  EXPECT_TRUE(ControlRequest::parse(R"({"guest":1,"addresses":[],"format":"text","columns":80})"));
}

TEST(ControlReply, KeepsLinesTogether) {
  const ControlReply sent{.output = "one\ntwo\n", .error = {}};
  const auto came = ControlReply::parse(sent.to_line());
  ASSERT_TRUE(came);
  EXPECT_EQ(came->output, sent.output);
  EXPECT_FALSE(ControlReply::parse("{}"));
}

class Lines : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    here_ = FileDescriptor(ends[0]);
    there_ = FileDescriptor(ends[1]);
  }
  FileDescriptor here_, there_;
};

TEST_F(Lines, EndAtTheNewline) {
  ASSERT_TRUE(send_all(there_.get(), "half"));
  ASSERT_TRUE(send_all(there_.get(), " and half\n"));
  EXPECT_EQ(receive_line(here_.get(), 100), "half and half");
}

TEST_F(Lines, HaveALimit) {
  ASSERT_TRUE(send_all(there_.get(), std::string(200, 'x')));
  EXPECT_EQ(receive_line(here_.get(), 100).error(), Errno::kMsgSize);
}

TEST_F(Lines, MayNeverCome) {
  ASSERT_TRUE(send_all(there_.get(), "no end"));
  there_.reset();
  EXPECT_EQ(receive_line(here_.get(), 100).error(), Errno::kPipe);
  EXPECT_EQ(send_all(here_.get(), "to nobody\n").error(), Errno::kPipe);
}

}  // namespace
}  // namespace gonzo::test
