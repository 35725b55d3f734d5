#include "oracle/test_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "oracle/operation.h"
#include <gonzo/base/check.h>

namespace gonzo::oracle {

TestFile::TestFile() {
  char name[] = "/tmp/gonzo-oracle-XXXXXX";
  writable_ = mkstemp(name);
  GONZO_CHECK(writable_ >= 0);
  read_only_ = open(name, O_RDONLY | O_CLOEXEC);
  unlink(name);
  GONZO_CHECK(read_only_ >= 0);
  std::string bytes(kFileBytes, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i % 251);
  GONZO_CHECK(write(writable_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
}

TestFile::~TestFile() {
  close(writable_);
  close(read_only_);
}

}  // namespace gonzo::oracle
