#include "node/session/named.h"

#include "lib/sql/bind.h"
#include "lib/sql/print.h"
#include "lib/sql/value.h"

namespace anabranch::session {

Result<void> NamedStatements::add(const std::string& name, pgwire::PreparedPtr statement) {
    if (!statements_.emplace(name, std::move(statement)).second)
        return fail("42P05", "prepared statement \"" + name + "\" already exists");
    return {};
}

Result<pgwire::PreparedPtr> NamedStatements::find(const std::string& name) const {
    const auto found = statements_.find(name);
    if (found == statements_.end())
        return fail("26000", "prepared statement \"" + name + "\" does not exist");
    return found->second;
}

void NamedStatements::remove(const std::string& name) {
    if (name.empty())
        statements_.clear();
    else
        statements_.erase(name);
}

Result<std::vector<sql::Type>> types_of(const sql::ast::Prepare& statement, const catalog::Schema& schema) {
    const sql::BindContext context(schema.names());
    std::vector<sql::Type> out;
    for (const auto& name : statement.types) {
        TRY(const auto resolved, sql::bind_type(name, context));
        out.push_back(resolved.type);
    }
    return out;
}

Result<std::string> argument_query(const sql::ast::Execute& statement, const std::vector<sql::Type>& types,
                                   const sql::EnumLabels& enums) {
    if (statement.arguments.size() != types.size())
        return fail(
            Error::make(sqlstate::syntax_error,
                        "wrong number of parameters for prepared statement \"" + statement.name + "\"")
                .with_detail("Expected " + std::to_string(types.size()) + " parameters but got " +
                             std::to_string(statement.arguments.size()) + "."));
    std::string out;
    for (std::size_t i = 0; i < types.size(); ++i)
        out += (i == 0 ? "SELECT CAST(" : ", CAST(") + sql::print(statement.arguments[i]) + " AS " +
               sql::type_name(types[i], &enums) + ")";
    return out;
}

bool OneRow::row(std::span<const sql::Datum> values) {
    for (const auto value : values)
        values_.push_back(value.is_bytes() ? sql::Datum::bytes(arena_.copy(value.as_bytes())) : value);
    return false;
}

}  // namespace anabranch::session
