#include <cstdio>

#include "node/io/http.h"
#include "tools/commands.h"
#include "tools/load.h"

namespace anabranch::tools {

int admin(const AdminArguments& arguments) {
    const auto address = io::parse_address(arguments.node);
    if (!address) return explain(address.error()), 2;
    const bool status = arguments.action == "status";
    const std::string target =
        status ? "/status"
               : "/admin/" + arguments.action + (arguments.peer.empty() ? "" : "?peer=" + arguments.peer);
    const auto answer = io::http_request(*address, status ? "GET" : "POST", target);
    if (!answer) return explain(answer.error());
    if (answer->status != 200) {
        std::fprintf(stderr, "anabranch: %s", answer->body.c_str());
        return 1;
    }
    std::fputs(answer->body.c_str(), stdout);
    return 0;
}

}  // namespace anabranch::tools
