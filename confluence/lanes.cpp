#include "confluence/lanes.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

namespace anabranch::confluence {

void run_lanes(std::size_t lanes, std::size_t threads, const std::function<void(std::size_t lane)>& work) {
    threads = std::min(threads, lanes);
    if (threads <= 1) {
        for (std::size_t lane = 0; lane < lanes; ++lane) work(lane);
        return;
    }
    std::atomic<std::size_t> next{0};
    std::vector<std::exception_ptr> thrown(lanes);
    const auto run = [&] {
        for (std::size_t lane = next++; lane < lanes; lane = next++) {
            try {
                work(lane);
            } catch (...) {
                thrown[lane] = std::current_exception();
            }
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(run);
        run();
    }
    for (const std::exception_ptr& one : thrown)
        if (one) std::rethrow_exception(one);
}

}  // namespace anabranch::confluence
