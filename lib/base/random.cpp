#include "lib/base/random.h"

#include "lib/base/check.h"

namespace anabranch {

namespace {
std::uint64_t split_mix(std::uint64_t& x) {
    std::uint64_t z = (x += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}
std::uint64_t rotate(std::uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}
}  // namespace

Random::Random(std::uint64_t seed) {
    for (auto& word : state_) word = split_mix(seed);
}

std::uint64_t Random::next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
    CHECK(bound > 0);
    // Rejection keeps the distribution exact; the loop almost never repeats.
    const std::uint64_t limit = bound * ((~std::uint64_t{0}) / bound);
    std::uint64_t n = next();
    while (n >= limit) n = next();
    return n % bound;
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
    CHECK(low <= high);
    const auto width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    const std::uint64_t offset = width == 0 ? next() : below(width);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset);
}

bool Random::chance(double probability) {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
}

Random Random::fork(std::string_view name) {
    std::uint64_t hash = 0xcbf29ce484222325 ^ next();
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return Random(hash);
}

}  // namespace anabranch
