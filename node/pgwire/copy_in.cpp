#include "node/pgwire/copy_in.h"

#include <utility>

#include "node/pgwire/codec.h"

namespace anabranch::pgwire {

void CopyIn::begin(const CopyFormat& format, std::string& out) {
    write_copy_in(out, format);
    format_ = &format;
    data_.clear();
    context_.clear();
}

CopyIn::Step CopyIn::fail(Error error) {
    error_ = std::move(error);
    format_ = nullptr;
    data_ = {};
    return Step::failed;
}

CopyIn::Step CopyIn::take(char type, std::string_view body) {
    switch (type) {
        case 'd':
            if (data_.size() + body.size() > bytes_max_)
                return fail(
                    Error::make("54000", "COPY data is larger than " + std::to_string(bytes_max_) + " bytes")
                        .with_hint("One COPY is one transaction: send the data in several."));
            data_ += body;
            return Step::more;
        case 'c':
            ended_ = std::exchange(format_, nullptr);
            return Step::complete;
        case 'f':
            return fail(Error::make(sqlstate::query_canceled,
                                    "COPY from stdin failed: " + std::string(MessageReader(body).text())));
        case 'H':
        case 'S':
            return Step::more;  // of drivers that send them unasked
        default:
            return fail(Error::make(sqlstate::protocol_violation, std::string("unexpected message type '") +
                                                                      type + "' during COPY from stdin"));
    }
}

bool CopyIn::rows(Arena& arena, const sql::EnumLabels* labels, std::vector<sql::Datum>& out) {
    const std::string data = std::exchange(data_, {});
    auto read = read_copy(*ended_, data, arena, labels, context_);
    if (read) {
        out = std::move(*read);
        return true;
    }
    error_ = read.error();
    return false;
}

}  // namespace anabranch::pgwire
