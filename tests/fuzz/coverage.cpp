// What GCC's -fsanitize-coverage=trace-pc calls, as counters that libFuzzer reads.
#include <cstddef>
#include <cstdint>

namespace {
constexpr std::size_t counters_max = 1 << 16;
__attribute__((section("__libfuzzer_extra_counters"), used)) std::uint8_t counters[counters_max];
}  // namespace

extern "C" __attribute__((no_sanitize_coverage)) void __sanitizer_cov_trace_pc() {
    const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    std::uint8_t& counter = counters[(place ^ place >> 16) % counters_max];
    counter = counter == UINT8_MAX ? counter : static_cast<std::uint8_t>(counter + 1);
}
