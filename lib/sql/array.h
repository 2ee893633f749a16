// Canonical bytes of an array: varint number of dimensions (0: empty array), per dimension varint size and
// zigzag lower bound, then the elements in row-major order. An element is one byte (0: NULL, 1: value) and
// the value: 8 bytes little-endian of an integer or a double, or varint size and bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/sql/builtin.h"
#include "lib/sql/datum.h"
#include "lib/sql/type.h"

namespace anabranch::sql {

class EnumLabels;  // value.h

struct ArrayDimension {
    std::int32_t size = 0;
    std::int32_t lower = 1;
    friend bool operator==(const ArrayDimension&, const ArrayDimension&) = default;
};

// One value as it is inside arrays, ranges and records.
void write_element(Storage storage, Datum value, ByteWriter& out);
Datum read_element(Storage storage, ByteReader& in);

// Reads an array element by element without allocating; ill-formed bytes end it early.
class ArrayReader {
  public:
    static constexpr std::size_t dimensions_max = 6;
    ArrayReader(Type array, std::string_view bytes);
    std::span<const ArrayDimension> dimensions() const { return {dimensions_, dimension_count_}; }
    std::size_t size() const { return size_; }  // elements in all dimensions
    bool done() const { return index_ == size_; }
    Datum next();  // only while !done()

  private:
    ArrayDimension dimensions_[dimensions_max];
    std::size_t dimension_count_ = 0;
    std::size_t size_ = 0;
    std::size_t index_ = 0;
    Storage storage_;
    ByteReader in_;
};

std::vector<Datum> array_elements(Type array, std::string_view bytes);
// One dimension from `lower`; an empty one when there are no elements.
void write_array(Type array, std::span<const Datum> elements, std::string& out, std::int32_t lower = 1);
void write_array(Type array, std::span<const ArrayDimension> dimensions, std::span<const Datum> elements,
                 std::string& out);

// Text ('{1,NULL,"a b"}', '[0:1]={x,y}') and binary form, in the manner of value.h.
Result<Datum> parse_array(Type array, std::string_view text, Arena& arena, const EnumLabels* labels);
Result<Datum> parse_array_binary(Type array, std::string_view bytes, Arena& arena, const EnumLabels* labels);
// PostgreSQL's int2vector and oidvector: arrays whose text is their numbers with blanks between.
inline constexpr std::int32_t vector_modifier = 1;
void print_array(Type array, std::string_view bytes, std::string& out, const EnumLabels* labels);
void print_array_binary(Type array, std::string_view bytes, std::string& out, const EnumLabels* labels);
int compare_arrays(Type array, std::string_view a, std::string_view b);

}  // namespace anabranch::sql
