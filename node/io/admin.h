// The /admin pages of a node's HTTP port: links that are cut on purpose, and changes of the members.
#pragma once

#include <map>
#include <string>

#include "node/io/http.h"
#include "node/io/loop.h"

namespace anabranch::io {

// POST /admin/cut?peer=NAME, /admin/heal?peer=NAME
// POST /admin/change?action=A&member=NAME&address=ADDR   202 and a number
// GET  /admin/outcome?number=N                           200 what was done, 202 not yet, 409 why not
HttpAnswer admin_answer(Loop& loop, const std::string& method, const std::string& path,
                        const std::map<std::string, std::string>& query);

}  // namespace anabranch::io
