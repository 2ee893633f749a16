// Pieces of the HTML report: the style of the page, elements, and a witness drawn as a river.
#pragma once

#include <string>
#include <string_view>

#include "confluence/check.h"

namespace anabranch::confluence {

extern const std::string_view page_style;

std::string escaped(std::string_view text);
std::string element(std::string_view tag, std::string_view cls, std::string_view text);

// One stem of what all replicas know, time lines that run apart, and where they meet.
std::string river(const catalog::Schema& schema, const Witness& witness);

}  // namespace anabranch::confluence
