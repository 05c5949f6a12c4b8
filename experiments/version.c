#include "experiments/version.h"
#include "experiments/model_version.h"
#if __has_include("policies/offsim_policy.h")
#include "policies/offsim_policy.h"
#endif

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

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

const char *version_abi(void)
{
#if defined OFFSIM_ABI_MAJOR && defined OFFSIM_ABI_MINOR
  return TEXT(OFFSIM_ABI_MAJOR) "." TEXT(OFFSIM_ABI_MINOR);
#else
  return "none";
#endif
}

void version_print(FILE *out)
{
  fprintf(out, "offsim %s (policy ABI %s, model version %d)\n%s, %s, %s\n", version_text(), version_abi(),
          OFFSIM_MODEL_VERSION, version_git(), version_compiler(), version_flags());
}
