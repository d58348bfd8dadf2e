// A conda environment file, as far as this project can follow it [environment, of CondaDependencies]: its pip
// part and its Python version. Other packages of it must be there already, since nothing here speaks to a
// conda channel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace parallelrun {

// One dependency, in conda's words: "numpy", "numpy=1.21", "python>=3.8,<3.11", "conda-forge::numpy 1.21.*".
struct CondaPackage {
  std::string written;     // as it stands in the file
  std::string name;        // small letters, '-' for '_' and '.', as PyPI compares names
  std::string constraint;  // "=1.21", ">=3.8,<3.11"; empty: any version

  bool operator==(const CondaPackage&) const = default;
};

struct CondaFile {
  CondaPackage python;                 // name empty: the file does not say
  std::vector<std::string> pip;        // lines of a requirements file
  std::vector<CondaPackage> packages;  // what else it names, without pip itself

  bool operator==(const CondaFile&) const = default;
};

// Errors: kInvalidArgument, a sentence about the file that names the line or entry, and the way out.
Result<CondaFile> parse_conda_file(std::string_view text);

// The same of a file. Errors: as above, with the path in front; kIo.
Result<CondaFile> read_conda_file(const std::string& path);

// Whether a version is one that the constraint allows. Of conda's signs it knows =, ==, !=, <, <=, >, >=, a
// comma for "and", a bar for "or" and a star at the end. A text that it does not know allows nothing.
bool conda_allows(std::string_view constraint, std::string_view version);

}  // namespace parallelrun
