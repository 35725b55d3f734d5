#include "oracle/test_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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
  // Page by page: one large write makes large folios, of which a hole in the middle takes nothing
  // out of the cache.
  constexpr std::size_t kPage = 4096;
  for (std::size_t done = 0; done < bytes.size(); done += kPage) {
    const std::size_t size = std::min(kPage, bytes.size() - done);
    GONZO_CHECK(write(writable_, bytes.data() + done, size) == static_cast<ssize_t>(size));
  }
}

TestFile::~TestFile() {
  close(writable_);
  close(read_only_);
}

}  // namespace gonzo::oracle
