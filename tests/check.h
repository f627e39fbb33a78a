/*
 * check: cmocka and what our tests add to it.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"

#define assert_err(expected, expression)                                                           \
	do {                                                                                       \
		enum err check_err_ = (expression);                                                \
		if (check_err_ != (expected))                                                      \
			fail_msg("%s: %s, expected %s", #expression, err_text(check_err_),         \
			    err_text(expected));                                                   \
	} while (0)
#define assert_ok(expression) assert_err(ERR_OK, expression)

#endif
