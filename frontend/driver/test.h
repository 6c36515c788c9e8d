/* SPDX-License-Identifier: Apache-2.0 */
/* `ks test`: compiles programs and runs their @test functions. */
#ifndef KS_DRIVER_TEST_H
#define KS_DRIVER_TEST_H

#include "frontend/driver/options.h"

int test_run(const struct options *options); // an exit status

#endif
