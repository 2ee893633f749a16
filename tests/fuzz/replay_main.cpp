// Runs a fuzz target on files, and on all files of folders: the kept corpus is a test in every build.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char** words) {
    std::size_t files = 0;
    const auto one = [&](const std::filesystem::path& path) {
        std::ifstream in(path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++files;
    };
    for (int i = 1; i < count; ++i) {
        if (!std::filesystem::is_directory(words[i]))
            one(words[i]);
        else
            for (const auto& entry : std::filesystem::directory_iterator(words[i])) one(entry.path());
    }
    std::printf("%zu inputs\n", files);
    return files > 0 ? 0 : 1;
}
