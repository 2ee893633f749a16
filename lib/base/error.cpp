#include "lib/base/error.h"

namespace anabranch {

std::string Place::describe() const {
    return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace anabranch
