#include "lib/sql/tree.h"

#include <nlohmann/json.hpp>
#include <string>

namespace anabranch::sql {
namespace {

using nlohmann::json;

const json& as_json(const void* node) {
    return *static_cast<const json*>(node);
}

}  // namespace

struct ParseTree::Document {
    json root;
};

ParseNode ParseNode::get(const char* field) const {
    if (json_ == nullptr || !as_json(json_).is_object()) return ParseNode();
    const auto found = as_json(json_).find(field);
    return found == as_json(json_).end() ? ParseNode() : ParseNode(&*found);
}

std::string_view ParseNode::text(const char* field) const {
    const ParseNode node = get(field);
    if (!node || !as_json(node.json_).is_string()) return {};
    return as_json(node.json_).get_ref<const std::string&>();
}

std::int64_t ParseNode::integer(const char* field) const {
    const ParseNode node = get(field);
    return node && as_json(node.json_).is_number_integer() ? as_json(node.json_).get<std::int64_t>() : 0;
}

bool ParseNode::flag(const char* field) const {
    const ParseNode node = get(field);
    return node && as_json(node.json_).is_boolean() && as_json(node.json_).get<bool>();
}

std::size_t ParseNode::size() const {
    return json_ != nullptr && as_json(json_).is_array() ? as_json(json_).size() : 0;
}

ParseNode ParseNode::operator[](std::size_t index) const {
    return index < size() ? ParseNode(&as_json(json_)[index]) : ParseNode();
}

std::string_view ParseNode::kind() const {
    if (json_ == nullptr || !as_json(json_).is_object() || as_json(json_).empty()) return {};
    return as_json(json_).begin().key();
}

ParseNode ParseNode::body() const {
    if (json_ == nullptr || !as_json(json_).is_object() || as_json(json_).empty()) return ParseNode();
    return ParseNode(&*as_json(json_).begin());
}

ParseTree::ParseTree(std::string_view text)
    : document_(std::make_unique<Document>(Document{json::parse(text, nullptr, false)})) {}
ParseTree::ParseTree(ParseTree&&) noexcept = default;
ParseTree& ParseTree::operator=(ParseTree&&) noexcept = default;
ParseTree::~ParseTree() = default;

ParseNode ParseTree::root() const {
    return document_->root.is_discarded() ? ParseNode() : ParseNode(&document_->root);
}

}  // namespace anabranch::sql
