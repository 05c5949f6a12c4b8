#include "experiments/version.h"
#include "experiments/model_version.h"
#include "policies/offsim_policy.h"

const char *version_text(void) { return OFFSIM_VERSION; }
const char *version_git(void) { return OFFSIM_GIT; }
const char *version_flags(void) { return OFFSIM_FLAGS; }
const char *version_prefix(void) { return OFFSIM_PREFIX; }

const char *version_compiler(void)
{
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

int version_abi(char *out, size_t size)
{
  return snprintf(out, size, "%u.%u", OFFSIM_ABI_MAJOR, OFFSIM_ABI_MINOR);
}

void version_print(FILE *out)
{
  char abi[16];
  version_abi(abi, sizeof abi);
  fprintf(out, "offsim %s (policy ABI %s, model version %d)\n%s, %s, %s\n", version_text(), abi,
          OFFSIM_MODEL_VERSION, version_git(), version_compiler(), version_flags());
}
