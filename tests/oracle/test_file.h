// The file that both subjects map: the same contents, a copy for each.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gonzo::oracle {

/// A nameless temporary file of kFileBytes bytes, byte n being n % 251.
class TestFile {
 public:
  TestFile();
  ~TestFile();
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  int writable() const { return writable_; }
  int read_only() const { return read_only_; }

 private:
  int writable_ = -1;
  int read_only_ = -1;
};

}  // namespace gonzo::oracle
