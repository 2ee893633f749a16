// The names of a schema, and besides how one session wants its texts: what IntervalStyle and TimeZone say.
#pragma once

#include <string>

#include "lib/sql/value.h"

namespace anabranch::sql {

class SessionLabels final : public EnumLabels {
  public:
    // All are borrowed; no schema: it knows no names. `zone` null: UTC.
    SessionLabels(const EnumLabels* of_schema, const TimeZone* zone, bool iso_intervals)
        : of_schema_(of_schema), zone_(zone), iso_intervals_(iso_intervals) {}
    const std::string* label(std::uint32_t number, std::int64_t ordinal) const override {
        return of_schema_ == nullptr ? nullptr : of_schema_->label(number, ordinal);
    }
    std::int64_t ordinal(std::uint32_t number, std::string_view label) const override {
        return of_schema_ == nullptr ? -1 : of_schema_->ordinal(number, label);
    }
    std::string enum_name(std::uint32_t number) const override {
        return of_schema_ == nullptr ? EnumLabels::enum_name(number) : of_schema_->enum_name(number);
    }
    std::string object_name(TypeId kind, std::int64_t oid) const override {
        return of_schema_ == nullptr ? std::string() : of_schema_->object_name(kind, oid);
    }
    std::int64_t object_oid(TypeId kind, std::string_view name) const override {
        return of_schema_ == nullptr ? -1 : of_schema_->object_oid(kind, name);
    }
    bool iso_intervals() const override { return iso_intervals_; }
    const TimeZone* zone() const override { return zone_; }

  private:
    const EnumLabels* of_schema_;
    const TimeZone* zone_;
    bool iso_intervals_;
};

}  // namespace anabranch::sql
