# g++ -O2 of a file that is all templates, and what it built.
set -e
cat >templates.cc <<'END'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <regex>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct Fibonacci { static constexpr long value = Fibonacci<N - 1>::value + Fibonacci<N - 2>::value; };
template <> struct Fibonacci<0> { static constexpr long value = 0; };
template <> struct Fibonacci<1> { static constexpr long value = 1; };

template <std::size_t... I> auto squares(std::index_sequence<I...>) { return std::make_tuple(I * I...); }

template <typename Map> long fill(Map map) {
  std::mt19937 random(42);
  for (int i = 0; i < 200000; ++i) map[typename Map::key_type(random() % 50000)] += i;
  return std::accumulate(map.begin(), map.end(), 0L, [](long sum, const auto& entry) { return sum + entry.second % 1009; });
}

int main() {
  std::cout << Fibonacci<80>::value << '\n';
  std::apply([](auto... value) { std::cout << (value + ...) << '\n'; }, squares(std::make_index_sequence<200>()));
  std::cout << fill(std::map<int, long>()) << ' ' << fill(std::unordered_map<long, long>()) << '\n';
  std::variant<int, std::string, std::vector<double>> what = std::string("text");
  std::visit([](const auto& value) { std::cout << sizeof(value) << '\n'; }, what);
  std::cout << std::regex_replace(std::string("one two three"), std::regex("(\\w+) (\\w+)"), "$2 $1") << '\n';
  std::vector<long> sums(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < sums.size(); ++t)
    threads.emplace_back([&sums, t] { for (long i = 0; i < 1000000; ++i) sums[t] += i % static_cast<long>(t + 2); });
  for (auto& thread : threads) thread.join();
  std::cout << std::accumulate(sums.begin(), sums.end(), 0L) << '\n';
  try { throw std::runtime_error("thrown and caught"); } catch (const std::exception& error) { std::cout << error.what() << '\n'; }
}
END
g++ -std=c++17 -O2 -pthread -o templates templates.cc
./templates
