// The usual way of a Result: go on with the value, or give the error to the caller.
#pragma once

#include <utility>

#include "common/result/result.h"

#define PRJ_JOIN_(a, b) a##b
#define PRJ_JOIN(a, b) PRJ_JOIN_(a, b)

// RETURN_IF_ERROR(file->sync());   in a function that returns a Status or a Result. A Status as its operand.
#define RETURN_IF_ERROR(expression)                                                              \
  do {                                                                                           \
    if (::parallelrun::Status prj_status = (expression); !prj_status) return prj_status.error(); \
  } while (false)

// ASSIGN_OR_RETURN(const auto size, file->size());   Not the only statement of an `if` without braces.
#define ASSIGN_OR_RETURN(variable, expression) \
  PRJ_ASSIGN_OR_RETURN(PRJ_JOIN(prj_result_, __LINE__), variable, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): both are names, or a declaration
#define PRJ_ASSIGN_OR_RETURN(result, variable, expression) \
  auto result = (expression);                              \
  if (!(result)) return (result).error();                  \
  variable = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
