// exec_program beside the live kernel's execve: the same files, the same answers, the same image.
#include "kernel/exec.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <random>

#include "kernel/kernel_memory.h"
#include "unit/kernel/elf_builder.h"
#include "unit/kernel/native_exec.h"
#include "unit/kernel/soft_world.h"
#include "unit/kernel/temporary_directory.h"
#include <gonzo/cache/page_cache.h>

namespace gonzo {
namespace {

const std::vector<std::string> kArguments{"the program", "one", ""};
const std::vector<std::string> kEnvironment{"A=1", "LONGER=a value with blanks"};

ExecOutcome<ExecResult> exec_in(Process& process, const std::string& path,
                                const std::vector<std::string>& arguments) {
  return exec_program(process, {.path = path, .arguments = arguments, .environment = kEnvironment});
}

ExecOutcome<ExecResult> exec_in(SoftWorld& world, const std::string& path,
                                const std::vector<std::string>& arguments = kArguments) {
  return exec_in(world.process(), path, arguments);
}

/// What both would see of one file: an errno, a death past the point of no return, or an image.
void expect_same_answer(const std::string& path) {
  const NativeExec native = exec_natively(path, kArguments, kEnvironment);
  if (!native.possible) GTEST_SKIP() << "cannot trace a child here";
  SoftWorld world;
  const auto ours = exec_in(world, path);
  if (native.image) {
    EXPECT_TRUE(ours.has_value()) << "Linux runs it; ours: " << ours.error().text;
    return;
  }
  ASSERT_FALSE(ours.has_value()) << "Linux says " << errno_name(static_cast<Errno>(native.error))
                                 << ", signal " << native.signal;
  EXPECT_EQ(ours.error().signal, native.signal) << ours.error().text;
  if (native.signal == 0) {
    EXPECT_EQ(errno_name(ours.error().error), errno_name(static_cast<Errno>(native.error)))
        << ours.error().text;
  }
  EXPECT_THAT(ours.error().text, testing::AllOf(testing::Not(testing::IsEmpty()),
                                                testing::Not(testing::HasSubstr("\n"))));
}

struct ElfCase {
  const char* name;
  std::function<void(ElfBuilder&)> change;
  std::uint16_t type = ET_EXEC;
};

std::ostream& operator<<(std::ostream& out, const ElfCase& c) { return out << c.name; }

class WrongElf : public testing::TestWithParam<ElfCase> {};

TEST_P(WrongElf, IsAnsweredAsTheKernelAnswersIt) {
  TemporaryDirectory directory;
  ElfBuilder elf(GetParam().type);
  GetParam().change(elf);
  expect_same_answer(directory.write("program", elf.bytes()));
}

bool host_runs_i386() {
  TemporaryDirectory directory;
  const std::string path = directory.write("program", ElfBuilder().bytes_i386());
  return exec_natively(path, kArguments, kEnvironment).image.has_value();
}

class WrongI386Elf : public testing::TestWithParam<ElfCase> {};

TEST_P(WrongI386Elf, IsAnsweredAsTheKernelAnswersIt) {
  static const bool kRuns = host_runs_i386();
  if (!kRuns) GTEST_SKIP() << "this host runs no i386 programs";
  TemporaryDirectory directory;
  ElfBuilder elf(GetParam().type);
  GetParam().change(elf);
  expect_same_answer(directory.write("program", elf.bytes_i386()));
}

Elf64_Phdr& load(ElfBuilder& elf) { return elf.programs.front(); }

const ElfCase kCases[]{
    {"right", [](ElfBuilder&) {}},
    {"right_dynamic", [](ElfBuilder&) {}, ET_DYN},
    {"magic", [](ElfBuilder& e) { e.header.e_ident[1] = 'e'; }},
    {"class_32", [](ElfBuilder& e) { e.header.e_ident[EI_CLASS] = ELFCLASS32; }},
    {"class_none", [](ElfBuilder& e) { e.header.e_ident[EI_CLASS] = 0; }},
    {"big_endian", [](ElfBuilder& e) { e.header.e_ident[EI_DATA] = ELFDATA2MSB; }},
    {"ident_version", [](ElfBuilder& e) { e.header.e_ident[EI_VERSION] = 9; }},
    {"abi", [](ElfBuilder& e) { e.header.e_ident[EI_OSABI] = 0xff; }},
    {"version", [](ElfBuilder& e) { e.header.e_version = 77; }},
    {"type_relocatable", [](ElfBuilder& e) { e.header.e_type = ET_REL; }},
    {"type_core", [](ElfBuilder& e) { e.header.e_type = ET_CORE; }},
    {"type_none", [](ElfBuilder& e) { e.header.e_type = 0; }},
    {"machine_arm", [](ElfBuilder& e) { e.header.e_machine = EM_AARCH64; }},
    {"machine_none", [](ElfBuilder& e) { e.header.e_machine = 0; }},
    {"header_size", [](ElfBuilder& e) { e.header.e_ehsize = 1; }},
    {"entry_size_small", [](ElfBuilder& e) { e.header.e_phentsize = 32; }},
    {"entry_size_big", [](ElfBuilder& e) { e.header.e_phentsize = 57; }},
    {"no_headers", [](ElfBuilder& e) { e.programs.clear(); }},
    {"headers_4096", [](ElfBuilder& e) { e.header.e_phnum = 73; }},
    {"headers_over_4096", [](ElfBuilder& e) { e.header.e_phnum = 74; }},
    {"headers_65536",
     [](ElfBuilder& e) {
       e.header.e_phnum = 1170;
       e.body.resize(70000);
     }},
    {"headers_over_65536",
     [](ElfBuilder& e) {
       e.header.e_phnum = 1171;
       e.body.resize(70000);
     }},
    {"headers_past_end", [](ElfBuilder& e) { e.header.e_phoff = 1 << 20; }},
    {"headers_at_end", [](ElfBuilder& e) { e.header.e_phoff = 0x1400 - 8; }},
    {"headers_negative", [](ElfBuilder& e) { e.header.e_phoff = ~0ULL; }},
    {"headers_at_most_positive", [](ElfBuilder& e) { e.header.e_phoff = INT64_MAX; }},
    {"headers_unaligned", [](ElfBuilder& e) { e.header.e_phoff = 65; }},
    {"empty", [](ElfBuilder& e) { e.cut_at = 0; }},
    {"four_bytes", [](ElfBuilder& e) { e.cut_at = 4; }},
    {"half_a_header", [](ElfBuilder& e) { e.cut_at = 40; }},
    {"header_only", [](ElfBuilder& e) { e.cut_at = 64; }},
    {"half_a_program_header", [](ElfBuilder& e) { e.cut_at = 90; }},
    {"no_code", [](ElfBuilder& e) { e.cut_at = 0x1000; }},
    {"no_load", [](ElfBuilder& e) { load(e).p_type = PT_NOTE; }},
    {"no_load_dynamic", [](ElfBuilder& e) { load(e).p_type = PT_NOTE; }, ET_DYN},
    {"more_in_file", [](ElfBuilder& e) { load(e).p_memsz = 0x100; }},
    {"file_size_huge", [](ElfBuilder& e) { load(e).p_filesz = load(e).p_memsz = 1ULL << 62; }},
    {"file_size_past_end", [](ElfBuilder& e) { load(e).p_filesz = load(e).p_memsz = 1 << 24; }},
    {"sizes_all_ones", [](ElfBuilder& e) { load(e).p_filesz = load(e).p_memsz = ~0ULL; }},
    {"memory_huge", [](ElfBuilder& e) { load(e).p_memsz = ~0ULL; }},
    {"memory_over_user_space", [](ElfBuilder& e) { load(e).p_memsz = 0x7ffffffff000; }},
    {"memory_huge_dynamic", [](ElfBuilder& e) { load(e).p_memsz = 1ULL << 46; }, ET_DYN},
    {"nothing_in_file", [](ElfBuilder& e) { load(e).p_filesz = 0; }},
    {"nothing_in_file_dynamic", [](ElfBuilder& e) { load(e).p_filesz = 0; }, ET_DYN},
    {"nothing_at_all", [](ElfBuilder& e) { load(e).p_filesz = load(e).p_memsz = 0; }},
    {"address_null", [](ElfBuilder& e) { load(e).p_vaddr = 0; }},
    {"address_kernel", [](ElfBuilder& e) { load(e).p_vaddr = 0xffffffff80000000; }},
    {"address_end", [](ElfBuilder& e) { load(e).p_vaddr = 0x7ffffffff000; }},
    {"address_last_page", [](ElfBuilder& e) { load(e).p_vaddr = 0x7fffffffe000; }},
    {"address_not_canonical", [](ElfBuilder& e) { load(e).p_vaddr = 1ULL << 50; }},
    {"address_not_congruent", [](ElfBuilder& e) { load(e).p_vaddr += 0x10; }},
    {"offset_not_congruent", [](ElfBuilder& e) { load(e).p_offset += 0x10; }},
    {"offset_congruent",
     [](ElfBuilder& e) {
       load(e).p_offset += 0x10;
       load(e).p_vaddr += 0x10;
     }},
    {"offset_past_end", [](ElfBuilder& e) { load(e).p_offset = 1 << 24; }},
    {"offset_negative", [](ElfBuilder& e) { load(e).p_offset = ~0xfffULL; }},
    {"offset_wraps", [](ElfBuilder& e) { load(e).p_offset = 0x7ffffffffffff000; }},
    {"alignment_odd", [](ElfBuilder& e) { load(e).p_align = 3; }},
    {"alignment_none", [](ElfBuilder& e) { load(e).p_align = 0; }},
    {"alignment_2m", [](ElfBuilder& e) { load(e).p_align = 0x200000; }},
    {"alignment_2m_dynamic", [](ElfBuilder& e) { load(e).p_align = 0x200000; }, ET_DYN},
    {"alignment_huge_dynamic", [](ElfBuilder& e) { load(e).p_align = 1ULL << 63; }, ET_DYN},
    {"flags_none", [](ElfBuilder& e) { load(e).p_flags = 0; }},
    {"flags_all", [](ElfBuilder& e) { load(e).p_flags = ~0U; }},
    {"entry_null", [](ElfBuilder& e) { e.header.e_entry = 0; }},
    {"entry_kernel", [](ElfBuilder& e) { e.header.e_entry = 0xffffffff80000000; }},
    {"entry_end", [](ElfBuilder& e) { e.header.e_entry = 0x7ffffffff000; }},
    {"bss", [](ElfBuilder& e) { e.add_load(0x1000, 0x500000, 0x400, 0x3000, PF_R | PF_W); }},
    {"bss_read_only", [](ElfBuilder& e) { e.add_load(0x1000, 0x500000, 0x400, 0x3000, PF_R); }},
    {"bss_executable",
     [](ElfBuilder& e) { e.add_load(0x1000, 0x500000, 0x400, 0x3000, PF_R | PF_W | PF_X); }},
    {"bss_past_end_of_file",
     [](ElfBuilder& e) { e.add_load(0x9000, 0x500000, 0x400, 0x3000, PF_R | PF_W); }},
    {"overlapping", [](ElfBuilder& e) { e.add_load(0, 0x401000, 0x400, 0x400, PF_R); }},
    {"overlapping_dynamic", [](ElfBuilder& e) { e.add_load(0, 0, 0x1400, 0x1400, PF_R); }, ET_DYN},
    {"descending", [](ElfBuilder& e) { e.add_load(0, 0x200000, 0x400, 0x400, PF_R); }},
    {"descending_dynamic",
     [](ElfBuilder& e) {
       load(e).p_vaddr = 0x10000;
       e.header.e_entry = 0x11000;
       e.add_load(0, 0, 0x400, 0x400, PF_R);
     },
     ET_DYN},
    {"at_the_stack", [](ElfBuilder& e) { load(e).p_vaddr = 0x7fffffff0000; }},
    {"over_the_stack",
     [](ElfBuilder& e) { e.add_load(0, 0x7fffffffb000, 0x4000, 0x4000, PF_R | PF_W); }},
    {"stack_executable", [](ElfBuilder& e) { e.add_stack(PF_R | PF_W | PF_X); }},
    {"stack_plain", [](ElfBuilder& e) { e.add_stack(PF_R | PF_W); }},
    {"far_apart_dynamic", [](ElfBuilder& e) { e.add_load(0, 1ULL << 40, 0x400, 0x400, PF_R); },
     ET_DYN},
    {"wider_than_room_dynamic",
     [](ElfBuilder& e) { e.add_load(0, 1ULL << 46, 0x400, 0x400, PF_R); }, ET_DYN},
    {"based_dynamic",
     [](ElfBuilder& e) {
       load(e).p_vaddr = 0x7000000;
       e.header.e_entry = 0x7001000;
     },
     ET_DYN},
    {"interpreter_missing", [](ElfBuilder& e) { e.add_interpreter("/no/such/loader"); }},
    {"interpreter_directory", [](ElfBuilder& e) { e.add_interpreter("/tmp"); }},
    {"interpreter_not_executable", [](ElfBuilder& e) { e.add_interpreter("/etc/passwd"); }},
    {"interpreter_a_script", [](ElfBuilder& e) { e.add_interpreter("/usr/bin/ldd"); }},
    {"interpreter_itself_needs_one", [](ElfBuilder& e) { e.add_interpreter("/bin/true"); }},
    {"interpreter_empty", [](ElfBuilder& e) { e.add_interpreter(""); }},
    {"interpreter_one_nul", [](ElfBuilder& e) { e.add_interpreter("").p_filesz = 1; }},
    {"interpreter_two_nuls", [](ElfBuilder& e) { e.add_interpreter("").p_filesz = 2; }},
    {"interpreter_no_nul", [](ElfBuilder& e) { e.add_interpreter("/bin/true").p_filesz = 4; }},
    {"interpreter_too_long", [](ElfBuilder& e) { e.add_interpreter("/bin/true").p_filesz = 4097; }},
    {"interpreter_longest", [](ElfBuilder& e) { e.add_interpreter("/bin/true").p_filesz = 2048; }},
    {"interpreter_past_end", [](ElfBuilder& e) { e.add_interpreter("/x").p_offset = 1 << 20; }},
    {"interpreter_at_end", [](ElfBuilder& e) { e.add_interpreter("/x").p_offset = 0x13ff; }},
    {"interpreter_negative", [](ElfBuilder& e) { e.add_interpreter("/x").p_offset = ~0ULL; }},
    {"interpreter_twice",
     [](ElfBuilder& e) {
       e.add_interpreter("/lib64/ld-linux-x86-64.so.2");
       e.add_interpreter("/lib64/ld-linux-x86-64.so.2").p_filesz = 0;
     }},
};

INSTANTIATE_TEST_SUITE_P(Table, WrongI386Elf, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(Table, WrongElf, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

/// The same changes, but to the interpreter of a right program.
class WrongInterpreter : public testing::TestWithParam<ElfCase> {};

TEST_P(WrongInterpreter, IsAnsweredAsTheKernelAnswersIt) {
  TemporaryDirectory directory;
  ElfBuilder loader(GetParam().type);
  if (loader.header.e_type == ET_EXEC) {  // out of the program's way
    loader.programs.front().p_vaddr += 0x1000000;
    loader.header.e_entry += 0x1000000;
  }
  GetParam().change(loader);
  ElfBuilder program(ET_DYN);
  program.add_interpreter(directory.write("loader", loader.bytes()));
  expect_same_answer(directory.write("program", program.bytes()));
}

INSTANTIATE_TEST_SUITE_P(Table, WrongInterpreter, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(Exec, AnI386ProgramFindsThe32BitMachine) {
  TemporaryDirectory directory;
  SoftWorld world;
  const std::string path = directory.write("program", ElfBuilder().bytes_i386());
  const auto start = exec_in(world, path);
  ASSERT_TRUE(start.has_value()) << start.error().text;
  EXPECT_EQ(start->abi, ProgramAbi::kI386);
  EXPECT_EQ(world.memory().page_table().format(), PagingFormat::kClassic32);
  EXPECT_EQ(world.memory().page_table().user_end(), VirtAddr(0xc0000000));
  EXPECT_EQ(start->entry, VirtAddr(0x401000));
  EXPECT_EQ(start->stack_pointer.value % 16, 0U);
  const CpuRegisters registers = start->registers();
  EXPECT_EQ(registers.cs, 0x23);
  EXPECT_EQ(registers.ss, 0x2b);
  EXPECT_EQ(registers.ds, 0x2b);
  EXPECT_EQ(registers.es, 0x2b);
  EXPECT_EQ(registers.fs, 0);
  EXPECT_EQ(registers.gs, 0);
  // argc, argv, its NULL and the environment: words of 4 bytes that point below 3 GiB.
  const auto words = world.memory().load<std::array<std::uint32_t, 8>>(start->stack_pointer);
  ASSERT_TRUE(words.has_value());
  EXPECT_EQ((*words)[0], kArguments.size());
  EXPECT_EQ((*words)[4], 0U);
  const auto name = world.memory().copy_in_string(VirtAddr((*words)[1]), 64);
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(*name, kArguments[0]);
  EXPECT_EQ((*words)[7], 0U);
}

TEST(Exec, PagingThatWasChosenHoldsForItsOwnPrograms) {
  TemporaryDirectory directory;
  const std::string wide = directory.write("wide", ElfBuilder().bytes());
  const std::string narrow = directory.write("narrow", ElfBuilder().bytes_i386());
  for (const PagingFormat format :
       {PagingFormat::kClassic32, PagingFormat::kPae, PagingFormat::kFourLevel}) {
    auto system =
        System::create({.memory_bytes = 16ULL << 20,
                        .paging = format,
                        .machine = MachineKind::kSoft,
                        .soft = {.load = [](const CpuRegisters&) {
                          return std::make_unique<QueuedProgram>(std::make_shared<StepQueue>());
                        }}});
    ASSERT_TRUE(system.has_value());
    for (const std::string& path : {wide, narrow}) {
      auto process = Process::create(**system, 1);
      ASSERT_TRUE(process.has_value());
      const auto start = exec_in(**process, path, kArguments);
      const bool fits = (path == narrow) == is_32bit(format);
      EXPECT_EQ(start.has_value(), fits);
      if (!start) {
        EXPECT_EQ(start.error().error, Errno::kNoExec);
        EXPECT_EQ(start.error().signal, 0);
      } else {
        EXPECT_EQ((*process)->memory().page_table().format(), format);
      }
      EXPECT_EQ((*process)->memory().verify(), "");
    }
    EXPECT_EQ((*system)->shut_down(), "");
  }
}

TEST(Exec, AnyFlippedByteOfTheHeadersGivesAnImageOrOneLine) {
  TemporaryDirectory directory;
  ElfBuilder elf(ET_DYN);
  elf.add_load(0x1000, 0x10000, 0x400, 0x5000, PF_R | PF_W);
  elf.add_interpreter("/lib64/ld-linux-x86-64.so.2");
  elf.add_stack(PF_R | PF_W);
  const std::vector<std::byte> right = elf.bytes();
  const std::size_t header_bytes = sizeof(Elf64_Ehdr) + elf.programs.size() * sizeof(Elf64_Phdr);
  std::mt19937 random(1);
  SoftWorld world;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::byte> wrong = right;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      wrong[random() % header_bytes] ^= static_cast<std::byte>(1U << (random() % 8));
    }
    auto process = Process::create(world.system(), 2);
    ASSERT_TRUE(process.has_value());
    const auto result = exec_program(
        **process,
        {.path = directory.write("wrong", wrong), .arguments = {"wrong"}, .environment = {}});
    if (!result) {
      EXPECT_THAT(result.error().text, testing::Not(testing::IsEmpty()));
      EXPECT_NE(static_cast<int>(result.error().error), 0);
    }
    EXPECT_EQ((*process)->memory().verify(), "") << "round " << round;
  }
}

TEST(Exec, EachAllocationThatFailsIsAnsweredAndLeavesNothingBehind) {
  SoftWorld world;
  FrameAllocator& frames = world.system().frames();
  const auto free_frames = [&] {
    world.system().page_cache().drop_clean();
    // What all processes share (the vDSO) is made at first use, and stays.
    world.system().kernel_memory().slabs().shrink();
    const FrameStats stats = frames.stats();
    return stats.free + stats.by_state[static_cast<std::size_t>(FrameState::kKernel)];
  };
  {  // files stay known
    const auto process = Process::create(world.system(), 2);
    ASSERT_TRUE(process.has_value());
    ASSERT_TRUE(exec_in(**process, "/bin/cat", kArguments).has_value());
  }
  const std::uint64_t before = free_frames();
  int failures = 0;
  for (std::uint64_t n = 1; n <= 60; ++n) {
    frames.fail_nth(n);
    {
      const auto process = Process::create(world.system(), 2);
      if (!process) continue;
      const auto result = exec_in(**process, "/bin/cat", kArguments);
      EXPECT_EQ((*process)->memory().verify(), "") << n;
      if (!result) {
        ++failures;
        EXPECT_THAT(result.error().text, testing::Not(testing::IsEmpty()));
      }
    }
    frames.fail_nth(0);
    EXPECT_EQ(free_frames(), before) << n;
  }
  EXPECT_GT(failures, 3) << "tables; for pages room is made, and another try";
}

// --- What a right program looks like ------------------------------------------------------------

/// Columns that only the host knows stay out: nothing. Lines of ours and theirs, as they are.
void expect_same_image(const std::string& path, const std::vector<std::string>& arguments,
                       std::uint64_t stack_limit = 8ULL << 20) {
  const NativeExec native = exec_natively(path, arguments, kEnvironment, stack_limit);
  if (!native.possible) GTEST_SKIP() << "cannot trace a child here";
  ASSERT_TRUE(native.image.has_value()) << "execve: " << native.error;
  Inheritance inheritance;
  inheritance.limits[RLIMIT_STACK].soft = stack_limit;
  SoftWorld world(inheritance);
  const auto ours = exec_in(world, path, arguments);
  ASSERT_TRUE(ours.has_value()) << ours.error().text;
  const NativeImage& theirs = *native.image;

  EXPECT_EQ(own_lines(world.memory().maps_text()), own_lines(theirs.maps));
  EXPECT_EQ(ours->entry.value, theirs.entry);

  const SegmentBounds bounds = world.memory().bounds();
  const auto field = [&](std::size_t number) { return std::stoull(theirs.stat.at(number)); };
  EXPECT_EQ(bounds.start_code.value, field(26));
  EXPECT_EQ(bounds.end_code.value, field(27));
  EXPECT_EQ(bounds.start_data.value, field(45));
  EXPECT_EQ(bounds.end_data.value, field(46));
  EXPECT_EQ(bounds.start_brk.value, field(47));
  EXPECT_EQ(bounds.arg_start.value, field(48));
  EXPECT_EQ(bounds.arg_end.value, field(49));
  EXPECT_EQ(bounds.env_start.value, field(50));
  EXPECT_EQ(bounds.env_end.value, field(51));

  // The kernel may have entries that we do not (rseq), or lack our vDSO's: their 16 bytes each are
  // all that differs.
  std::map<std::uint64_t, std::uint64_t> auxv;
  const std::vector<std::uint64_t>& pairs = world.process().image().auxv;
  for (std::size_t i = 0; i + 2 < pairs.size(); i += 2) auxv.emplace(pairs[i], pairs[i + 1]);
  for (const auto& [type, value] : auxv) {
    if (type == AT_SYSINFO_EHDR && !has_our_vdso(theirs.maps)) continue;
    ASSERT_TRUE(theirs.auxv.contains(type)) << "type " << type;
    EXPECT_EQ(value, theirs.auxv.at(type)) << "type " << type;
  }
  const std::uint64_t missing = theirs.auxv.size() - auxv.size();
  EXPECT_EQ(ours->stack_pointer.value, theirs.stack_pointer + 16 * missing);
  EXPECT_EQ(field(28), theirs.stack_pointer);
  EXPECT_EQ(bounds.start_stack, ours->stack_pointer);

  EXPECT_EQ(world.process().image().name + "\n", theirs.comm);
  EXPECT_EQ(world.process().image().path, theirs.exe);
}

TEST(ExecImage, OfADynamicProgramIsTheKernels) { expect_same_image("/bin/cat", kArguments); }

TEST(ExecImage, OfAStaticProgramIsTheKernels) {
  TemporaryDirectory directory;
  ElfBuilder elf;
  elf.add_load(0x1000, 0x5009f0 + 0x610, 0x400, 0x3123, PF_R | PF_W);
  elf.programs.back().p_offset = 0x1000;
  elf.programs.back().p_vaddr = 0x501000;
  expect_same_image(directory.write("static", elf.bytes()), kArguments);
}

TEST(ExecImage, OfALoaderIsTheKernels) {
  expect_same_image("/lib64/ld-linux-x86-64.so.2", kArguments);
}

TEST(ExecImage, OfAnAlignedLoaderIsTheKernels) {
  TemporaryDirectory directory;
  ElfBuilder elf(ET_DYN);
  elf.programs.front().p_align = 0x200000;
  expect_same_image(directory.write("aligned", elf.bytes()), kArguments);
}

TEST(ExecImage, OfAnAlignedPieIsTheKernels) {
  TemporaryDirectory directory;
  ElfBuilder elf(ET_DYN);
  elf.programs.front().p_align = 0x200000;
  elf.add_interpreter("/lib64/ld-linux-x86-64.so.2");
  expect_same_image(directory.write("pie", elf.bytes()), kArguments);
}

TEST(ExecImage, WithoutArgumentsIsTheKernels) { expect_same_image("/bin/cat", {}); }

TEST(ExecImage, WithManyArgumentsIsTheKernels) {
  expect_same_image("/bin/cat", std::vector<std::string>(20000, "argument"));
}

TEST(ExecImage, WithASmallStackIsTheKernels) {
  expect_same_image("/bin/cat", kArguments, 96ULL << 10);
}

TEST(ExecImage, WithALargeStackIsTheKernels) {
  expect_same_image("/bin/cat", kArguments, 1ULL << 30);
}

TEST(ExecImage, OfAScriptIsTheKernels) {
  TemporaryDirectory directory;
  const std::string script = directory.write("a script with a long name", "#!/bin/cat  -u  -n \n");
  expect_same_image(script, kArguments);
}

TEST(ExecImage, ArgumentsLieWhereTheStackSays) {
  SoftWorld world;
  const auto start = exec_in(world, "/bin/cat");
  ASSERT_TRUE(start.has_value());
  AddressSpace& memory = world.memory();
  VirtAddr at = start->stack_pointer;
  EXPECT_EQ(at.value % 16, 0U);
  EXPECT_EQ(memory.load<std::uint64_t>(at).value(), kArguments.size());
  const auto expect_strings = [&](const std::vector<std::string>& strings) {
    for (const std::string& string : strings) {
      at += 8;
      const VirtAddr address(memory.load<std::uint64_t>(at).value());
      EXPECT_EQ(memory.copy_in_string(address, 4096).value(), string);
    }
    at += 8;
    EXPECT_EQ(memory.load<std::uint64_t>(at).value(), 0U);
  };
  expect_strings(kArguments);
  expect_strings(kEnvironment);
  std::map<std::uint64_t, std::uint64_t> auxv;
  for (at += 8;; at += 16) {
    const auto type = memory.load<std::uint64_t>(at).value();
    if (type == AT_NULL) break;
    auxv.emplace(type, memory.load<std::uint64_t>(at + 8).value());
  }
  EXPECT_EQ(memory.copy_in_string(VirtAddr(auxv.at(AT_EXECFN)), 100).value(), "/bin/cat");
  EXPECT_EQ(memory.copy_in_string(VirtAddr(auxv.at(AT_PLATFORM)), 100).value(), "x86_64");
  using Random = std::array<std::byte, 16>;
  EXPECT_EQ(memory.load<Random>(VirtAddr(auxv.at(AT_RANDOM))).value(), kFixedRandomBytes);
  EXPECT_EQ(memory.load<std::uint64_t>(VirtAddr(0x7ffffffffff8 - 0x1000)).value(), 0U);
}

TEST(ExecImage, BssIsZeroToItsEndAndTheFileIsThereBefore) {
  TemporaryDirectory directory;
  ElfBuilder elf;
  elf.body.assign(0x1000, std::byte{0xab});
  elf.add_load(0x1000, 0x501000, 0x404, 0x2800, PF_R | PF_W);
  SoftWorld world;
  const auto start = exec_in(world, directory.write("bss", elf.bytes()));
  ASSERT_TRUE(start.has_value()) << start.error().text;
  std::vector<std::byte> bytes(0x3000);
  ASSERT_TRUE(world.memory().copy_in(bytes, VirtAddr(0x501000)).has_value());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_EQ(bytes[i], i < 0x404 ? std::byte{0xab} : std::byte{0}) << i;
  }
}

// --- Files that are no ELF programs --------------------------------------------------------------

TEST(ExecFile, OtherFilesAreRefusedAsByTheKernel) {
  TemporaryDirectory directory;
  expect_same_answer(directory.path("missing"));
  expect_same_answer(directory.path(""));
  expect_same_answer("/");
  expect_same_answer("/dev/null");
  expect_same_answer("/etc/passwd/x");
  expect_same_answer("");
  expect_same_answer(std::string(5000, 'x'));
  expect_same_answer(directory.write("text", "echo hello\n"));
  expect_same_answer(directory.write("not executable", "#!/bin/sh\n", 0644));
  ASSERT_EQ(mkfifo(directory.path("fifo").c_str(), 0777), 0);
  expect_same_answer(directory.path("fifo"));
  ASSERT_EQ(symlink("loop", directory.path("loop").c_str()), 0);
  expect_same_answer(directory.path("loop"));
}

TEST(ExecFile, TextsNameTheFileAndWhatIsWrong) {
  TemporaryDirectory directory;
  const auto text_of = [](const std::string& path) {
    SoftWorld world;
    return exec_in(world, path).error().text;
  };
  EXPECT_EQ(text_of(directory.path("missing")),
            directory.path("missing") + ": No such file or directory");
  EXPECT_EQ(text_of("/tmp"), "/tmp: is a directory");
  const std::string script = directory.write("script", "#!/no/such/shell\n");
  EXPECT_EQ(text_of(script),
            script + ": its interpreter /no/such/shell: No such file or directory");
  ElfBuilder elf(ET_DYN);
  elf.add_interpreter("/no/such/loader");
  const std::string program = directory.write("program", elf.bytes());
  EXPECT_EQ(text_of(program),
            program + ": its interpreter /no/such/loader: No such file or directory");
}

TEST(ExecScript, ChainsEndWhereTheKernelEndsThem) {
  TemporaryDirectory directory;
  std::string interpreter = "/bin/cat";
  for (int depth = 1; depth <= 7; ++depth) {
    interpreter = directory.write("script" + std::to_string(depth), "#!" + interpreter + "\n");
    expect_same_answer(interpreter);
  }
}

TEST(ExecScript, FirstLinesAreReadAsTheKernelReadsThem) {
  TemporaryDirectory directory;
  const std::string cat = "/bin/cat";
  const std::vector<std::string> lines{"#!/bin/cat",
                                       "#!/bin/cat\n",
                                       "#! /bin/cat\n",
                                       "#!\t /bin/cat \t\n",
                                       "#!/bin/cat -u\n",
                                       "#!/bin/cat  -u  b \t\n",
                                       "#!/bin/cat -u",
                                       "#!\n",
                                       "#!",
                                       "#! \t \n",
                                       "#!   ",
                                       "#!/bin/cat\r\n",
                                       "#!/no/such\n",
                                       "#!/tmp\n",
                                       "#!cat\n",
                                       "# !/bin/cat\n",
                                       "#\n",
                                       "\n",
                                       std::string("#!/bin/cat\0-u\n", 14),
                                       std::string("#!\0/bin/cat\n", 12),
                                       std::string("#!/bin/cat -u\0v\n", 16),
                                       "#!/bin/cat " + std::string(300, 'x') + "\n",
                                       "#!/bin/cat " + std::string(243, ' ') + "\n",
                                       "#!" + std::string(300, '/') + "bin/cat\n",
                                       "#!" + std::string(246, '/') + "bin/cat",
                                       "#!" + std::string(246, '/') + "bin/cat\n",
                                       "#!" + std::string(247, '/') + "bin/cat\n",
                                       "#!" + std::string(245, '/') + "bin/cat \n",
                                       "#!" + std::string(246, '/') + "bin/cat x\n",
                                       "#!" + std::string(253, ' ') + "\n",
                                       "#!" + std::string(254, ' '),
                                       "#!" + std::string(253, ' ') + "/bin/cat\n"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SCOPED_TRACE(testing::Message() << i << ": " << lines[i]);
    const std::string script = directory.write("script", lines[i]);
    expect_same_answer(script);
    const NativeExec native = exec_natively(script, kArguments, kEnvironment);
    if (!native.image) continue;
    SoftWorld world;
    const auto ours = exec_in(world, script);
    ASSERT_TRUE(ours.has_value());
    const SegmentBounds bounds = world.memory().bounds();
    std::string cmdline(bounds.arg_end - bounds.arg_start, '\0');
    ASSERT_TRUE(world.memory()
                    .copy_in(std::as_writable_bytes(std::span(cmdline)), bounds.arg_start)
                    .has_value());
    EXPECT_EQ(cmdline, native.image->cmdline);
  }
}

// --- Limits --------------------------------------------------------------------------------------

TEST(ExecLimits, ArgumentsMayBeAsLargeAsTheKernelAllows) {
  constexpr std::size_t kLongest = 131071;
  struct Case {
    std::vector<std::string> arguments;
    std::uint64_t stack_limit;
  };
  const Case cases[]{
      {{std::string(kLongest, 'x')}, 8ULL << 20},
      {{std::string(kLongest + 1, 'x')}, 8ULL << 20},
      {std::vector<std::string>(15, std::string(kLongest, 'x')), 8ULL << 20},
      {std::vector<std::string>(16, std::string(kLongest, 'x')), 8ULL << 20},
      {std::vector<std::string>(47, std::string(kLongest, 'x')), 1ULL << 30},
      {std::vector<std::string>(48, std::string(kLongest, 'x')), 1ULL << 30},
      {std::vector<std::string>(10000, "x"), 512ULL << 10},
      {std::vector<std::string>(14000, "x"), 512ULL << 10},
      {{std::string(100000, 'x')}, 256ULL << 10},
      {{std::string(kLongest, 'x')}, 256ULL << 10},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(testing::Message()
                 << each.arguments.size() << " arguments of " << each.arguments[0].size()
                 << " bytes, stack " << each.stack_limit);
    const NativeExec native =
        exec_natively("/bin/cat", each.arguments, kEnvironment, each.stack_limit);
    if (!native.possible) GTEST_SKIP() << "cannot trace a child here";
    Inheritance inheritance;
    inheritance.limits[RLIMIT_STACK].soft = each.stack_limit;
    SoftWorld world(inheritance);
    const auto ours = exec_in(world, "/bin/cat", each.arguments);
    EXPECT_EQ(ours.has_value(), native.image.has_value());
    if (!ours && native.error != 0) {
      EXPECT_EQ(static_cast<int>(ours.error().error), native.error);
    }
  }
}

}  // namespace
}  // namespace gonzo
