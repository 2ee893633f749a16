#include "node/io/log_read.h"

#include <filesystem>
#include <set>

#include "node/io/file.h"
#include "node/io/log_format.h"

namespace anabranch::io {

namespace {

using namespace log_format;

constexpr const char* way_out =
    "Restore the file from a copy. Or make a new data directory of what can be read, with 'anabranch restore "
    "DIR --data NEW --salvage', or start this node with an empty one: its peers will bring it up to date.";

class LogReader {
  public:
    LogReader(const std::string& directory, const LogOptions& options, LogRecordVisitor record,
           LogRecovery& recovery)
        : directory_(directory), options_(options), record_(record), recovery_(recovery) {}

    Result<LogEnd> run() {
        std::set<std::string> paths;
        std::error_code code;
        for (const auto& entry : std::filesystem::directory_iterator(directory_, code))
            if (entry.path().extension() == ".seg") paths.insert(entry.path().string());
        if (code) return fail(file_error("read directory", directory_, code.value()));
        end_.next_lsn = options_.first;
        if (!paths.empty()) end_.next_lsn = first_lsn_of(*paths.begin());
        if (end_.next_lsn == 0 || end_.next_lsn > options_.first)
            return fail(incomplete("begins with record " + std::to_string(end_.next_lsn) + ", record " +
                                   std::to_string(options_.first) + " is needed"));
        for (auto path = paths.begin(); path != paths.end() && !end_.damage; ++path)
            TRY_VOID(segment(*path, std::next(path) == paths.end()));
        if (end_.next_lsn <= options_.last)
            return fail(incomplete("ends with record " + std::to_string(end_.next_lsn - 1) + ", record " +
                                   std::to_string(options_.last) + " had been written"));
        return std::move(end_);
    }

  private:
    Error incomplete(const std::string& what) const {
        const std::string why = end_.damage ? end_.damage->message
                                            : "Records that were acknowledged are missing: its files were "
                                              "removed or replaced.";
        return Error::make(sqlstate::io_error, "the log in " + directory_ + " " + what)
            .with_detail(why)
            .with_hint(
                "Restore them from a copy, or start this node with an empty data directory: its peers will "
                "bring it up to date.");
    }

    Result<void> damaged(const std::string& path, const std::string& what) {
        auto error = Error::make(sqlstate::io_error, "log segment " + path + " is damaged: " + what)
                         .with_detail(
                             "Records that were acknowledged follow the damage, so cutting the log there "
                             "would lose them.")
                         .with_hint(way_out);
        if (!options_.up_to_damage) return fail(std::move(error));
        end_.damage = std::move(error);
        return {};
    }

    Result<void> segment(const std::string& path, bool last) {
        TRY(const Bytes bytes, read_file(path));
        const BytesView in(bytes);
        const bool headed = in.starts_with(segment_header(end_.next_lsn));
        if (const auto other = other_version(in))
            return fail(sqlstate::feature_not_supported,
                        "log segment " + path + " has format version " + std::to_string(*other) +
                            "; this program reads version " + std::to_string(version));
        // A crash may leave the newest segment with a header that never reached the disk: it holds nothing
        // acknowledged.
        if (!headed) {
            if (!last) return damaged(path, "bad header at byte 0, or records missing before it");
            if (const auto lost = acknowledged_after(in, 0)) return damaged(path, *lost);
            end_.headless = path;
            recovery_.tail_cut = true;
            return {};
        }
        std::size_t at = segment_header_bytes;
        for (;;) {
            const auto frame = whole_frame(in.substr(at));
            if (!frame || frame->first.lsn != end_.next_lsn || frame->first.kind == FrameKind::mark) break;
            TRY_VOID(record_(end_.next_lsn, frame->second));
            ++recovery_.records;
            recovery_.bytes += frame->second.size();
            ++end_.next_lsn;
            at += frame_header_bytes + frame->first.size;
        }
        end_.segments.push_back({first_lsn_of(path), in.size(), at});
        end_.tail = path;
        if (const auto lost = acknowledged_after(in, at)) return damaged(path, *lost);
        if (last && begins_with_record(in, at)) recovery_.tail_cut = true;
        return {};
    }

    // Of a header that is whole.
    static std::optional<std::uint32_t> other_version(BytesView in) {
        if (!in.starts_with(magic) || in.size() < segment_header_bytes) return {};
        ByteReader sum(in.substr(segment_header_bytes - 8));
        if (sum.u64() != hash64(in.substr(0, segment_header_bytes - 8))) return {};
        const auto found = ByteReader(in.substr(8)).u32();
        return found == version ? std::nullopt : std::optional(found);
    }

    // A recycled segment ends in what it held before, with lesser lsns, and a mark says that nothing follows:
    // those are no tail.
    bool begins_with_record(BytesView in, std::size_t at) const {
        if (in.size() < at + frame_header_bytes) return in.find_first_not_of('\0', at) != BytesView::npos;
        const auto frame = whole_frame(in.substr(at));
        return ByteReader(in.substr(at + 8)).u64() == end_.next_lsn &&
               !(frame && frame->first.kind == FrameKind::mark);
    }

    // Some whole frame behind `from` that says the record that should be there had been durable.
    std::optional<std::string> acknowledged_after(BytesView in, std::size_t from) const {
        const std::uint64_t wanted = end_.next_lsn;
        for (std::size_t at = from; at + frame_header_bytes <= in.size(); ++at) {
            if (in[at + 8] == 0 && in[at] == 0) {  // most of a tail is zero: skip to where a frame may begin
                const auto next = in.find_first_not_of('\0', at);
                if (next == BytesView::npos) return {};
                if (next > at + 16) at = next - 16;
            }
            const auto lsn = ByteReader(in.substr(at + 8)).u64();
            if (lsn <= wanted || lsn > wanted + (1 << 24)) continue;
            const auto frame = whole_frame(in.substr(at));
            if (frame && frame->first.durable >= wanted)
                return "record " + std::to_string(wanted) + " at byte " + std::to_string(from) +
                       " cannot be read, and what follows at byte " + std::to_string(at) +
                       " shows that it had been on disk";
        }
        return {};
    }

    const std::string& directory_;
    const LogOptions& options_;
    LogRecordVisitor record_;
    LogRecovery& recovery_;
    LogEnd end_;
};

}  // namespace

Result<LogEnd> read_log(const std::string& directory, const LogOptions& options, LogRecordVisitor record,
                        LogRecovery& recovery) {
    return LogReader(directory, options, record, recovery).run();
}

}  // namespace anabranch::io
