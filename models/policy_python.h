/* policy_python.h: policies written in Python, each in an interpreter of its own.
 *
 * The interpreter runs policies/offsim_policy.py and is asked over pipes (python_process.h) in frames (python_wire.h).
 * The hooks of the descriptor work inside a policy_host only.
 */
#ifndef OFFSIM_MODELS_POLICY_PYTHON_H
#define OFFSIM_MODELS_POLICY_PYTHON_H

#include "policies/offsim_policy.h"
#include "sim/err.h"
#include <limits.h>
#include <stdbool.h>

struct python;

/* "python:FILE", or a path that ends in .py. */
bool policy_is_python(const char *policy);
/* FILE of "python:FILE". */
const char *policy_python_file(const char *policy);
/* offsim_policy.py: beside this program's scenarios, or installed. False when it is nowhere. */
bool policy_python_module(char path[PATH_MAX]);

/* Start $OFFSIM_PYTHON (default /usr/bin/python3) on a file and ask what policy it is. NULL after adding to err. */
struct python *policy_python_start(const char *path, struct where at, struct err *);
const struct offsim_policy *policy_python_descriptor(const struct python *);
/* Why it cannot answer any more: one line, perhaps with a traceback behind. NULL = all is well. */
const char *policy_python_trouble(const struct python *);
/* Has it taken all outcomes well? */
bool policy_python_settle(struct python *);
/* From now on learners decide as copies of themselves; an answer is not waited for. */
void policy_python_freeze(struct python *);
/* End the interpreter; the descriptor stays. */
void policy_python_halt(struct python *);
void policy_python_free(struct python *);

#endif
