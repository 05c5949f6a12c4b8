/* policy_host.c: find a policy by name or path, load it, and check that both sides mean the same by the boundary. */
#include "models/policy_host.h"
#include "models/policy_parts.h"
#include "models/policy_python.h"
#include "sim/zeros.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef OFFSIM_PREFIX
#define OFFSIM_PREFIX "/usr/local"
#endif

extern offsim_policy_entry_fn *const offsim_builtins[];
extern const char *const offsim_builtin_names[];

/* ---- built-in policies ------------------------------------------------------------------------------------------- */

size_t policy_builtin_names(const char *const **names)
{
  size_t n = 0;
  while (offsim_builtin_names[n]) n++;
  *names = offsim_builtin_names;
  return n;
}

const struct offsim_policy *policy_builtin(const char *name)
{
  for (size_t i = 0; offsim_builtin_names[i]; i++)
    if (strcmp(offsim_builtin_names[i], name) == 0) return offsim_builtins[i]();
  return NULL;
}

/* ---- where a plug-in lies ---------------------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
  struct stat s;
  return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

/* DIR/NAME.so, when it is there. */
static bool in_folder(const char *folder, size_t n, const char *name, char path[PATH_MAX])
{
  int length = snprintf(path, PATH_MAX, "%.*s/%s.so", (int)n, folder, name);
  return n > 0 && length < PATH_MAX && is_file(path);
}

static bool in_search_path(const char *name, char path[PATH_MAX])
{
  const char *folders = getenv("OFFSIM_POLICY_PATH");
  for (const char *p = folders ? folders : ""; *p;) {
    size_t n = strcspn(p, ":");
    if (in_folder(p, n, name, path)) return true;
    p += n + (p[n] == ':');
  }
  static const char installed[] = OFFSIM_PREFIX "/lib/offsim/policies";
  return in_folder(installed, sizeof installed - 1, name, path);
}

bool policy_in_search_path(const char *name)
{
  char path[PATH_MAX];
  return in_search_path(name, path);
}

static bool unknown_policy(const struct policy_def *def, struct err *err)
{
  const char *const *names;
  size_t n = policy_builtin_names(&names);
  const char *near = nearest(def->policy, names, n), *folders = getenv("OFFSIM_POLICY_PATH");
  return err_add(err, def->at, "unknown policy '%s'%s%s%s among the %zu built-in ones (`offsim policy list`), "
                 "in $OFFSIM_POLICY_PATH (%s) and in " OFFSIM_PREFIX "/lib/offsim/policies", def->policy,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'? Looked" : "; looked", n,
                 folders && *folders ? folders : "not set");
}

/* A path is relative to the file that names it. */
static void beside_scenario(const struct policy_def *def, char path[PATH_MAX])
{
  const char *file = policy_python_file(def->policy);
  const char *slash = def->at.file && file[0] != '/' ? strrchr(def->at.file, '/') : NULL;
  int folder = slash ? (int)(slash + 1 - def->at.file) : 0;
  snprintf(path, PATH_MAX, "%.*s%s", folder, slash ? def->at.file : "", file);
}

static bool is_library(const char *file)
{
  size_t n = strlen(file);
  return n > 3 && !strcmp(file + n - 3, ".so");
}

bool policy_is_path(const char *policy)
{
  return strchr(policy, '/') || policy_is_python(policy) || is_library(policy);
}

/* A relative path says nothing without the folder that it was looked for in. */
static bool no_file(const struct policy_def *def, const char *wanted, struct err *err)
{
  int why = errno;
  char folder[PATH_MAX];
  bool whole = wanted[0] == '/' || !getcwd(folder, sizeof folder);
  return err_add(err, def->at, "policy %s%s%s: %s", whole ? "" : folder, whole ? "" : "/",
                 whole ? wanted : wanted + (strncmp(wanted, "./", 2) ? 0 : 2), strerror(why));
}

bool policy_locate(const struct policy_def *def, char path[PATH_MAX], struct err *err)
{
  char wanted[PATH_MAX];
  path[0] = 0;
  if (def->resolved_path) snprintf(wanted, sizeof wanted, "%s", def->resolved_path);
  else if (policy_is_path(def->policy)) beside_scenario(def, wanted);
  else if (policy_builtin(def->policy)) return true;
  else if (!in_search_path(def->policy, wanted)) return unknown_policy(def, err);
  if (!realpath(wanted, path)) return no_file(def, wanted, err);
  if (!is_file(path)) return err_add(err, def->at, "policy %s is not a regular file", wanted);
  return true;
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

struct difference { const char *field; unsigned policy, least, most; };

/* The sizes of the boundary's first release: what every 1.x policy has at least. */
static const struct offsim_sizes first_sizes = {.policy = 192, .feature = 24, .parameter = 72, .setup = 112,
  .context = 200, .decision = 72, .outcome = 152, .stream = 32, .control = 112};

/* The major number agrees, and nothing that the policy knows is unknown here: neither its minor number nor a size is
 * above the host's. Names every field that differs too much, with both values. */
static bool same_boundary(const struct offsim_policy *p, const char *path, struct where at, struct err *err)
{
  static const struct offsim_policy host = {OFFSIM_POLICY_HEADER};
  const struct difference all[] = {
    {"magic", p->magic, host.magic, host.magic}, {"abi_major", p->abi_major, host.abi_major, host.abi_major},
    {"abi_minor", p->abi_minor, 0, host.abi_minor},
#define SIZE(NAME) {"sizes." #NAME, p->sizes.NAME, first_sizes.NAME, host.sizes.NAME}
    SIZE(policy), SIZE(feature), SIZE(parameter), SIZE(setup), SIZE(context), SIZE(decision), SIZE(outcome),
    SIZE(stream), SIZE(control)
#undef SIZE
  };
  char text[1024];
  size_t n = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if ((all[i].policy < all[i].least || all[i].policy > all[i].most) && n < sizeof text)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s%s is %u, here %u", n ? ", " : "", all[i].field,
                            all[i].policy, all[i].most);
  return n == 0 || err_add(err, at, "policy %s was built for another boundary: %s; compile it again with this "
                           "offsim_policy.h", path, text);
}

static size_t at_most(size_t n, size_t limit) { return n < limit ? n : limit; }

/* The descriptor as this host lays it out: a policy of an earlier minor version knows a prefix of each struct. */
static struct offsim_policy *widened(const struct offsim_policy *p)
{
  size_t n = p->n_features, m = p->n_parameters;
  struct offsim_policy *own = zeros_new(1, sizeof *own + n * sizeof *own->feature + m * sizeof *own->parameter);
  memcpy(own, p, at_most(p->sizes.policy, sizeof *own));
  struct offsim_feature *feature = (void *)(own + 1);
  struct offsim_parameter *parameter = (void *)(feature + n);
  for (size_t i = 0; i < n && p->feature; i++)
    memcpy(&feature[i], (const char *)p->feature + i * p->sizes.feature, p->sizes.feature);
  for (size_t i = 0; i < m && p->parameter; i++)
    memcpy(&parameter[i], (const char *)p->parameter + i * p->sizes.parameter, p->sizes.parameter);
  own->feature = p->feature ? feature : NULL;
  own->parameter = p->parameter ? parameter : NULL;
  return own;
}

static bool is_older(const struct offsim_policy *p)
{
  return p->sizes.policy < sizeof *p || p->sizes.feature < sizeof *p->feature ||
         p->sizes.parameter < sizeof *p->parameter;
}

static bool is_name(const char *s)
{
  size_t n = s ? strlen(s) : 0;
  for (size_t i = 0; i < n; i++)
    if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i])) return false;
  return n >= 1 && n <= 64;
}

static bool is_text_type(int type) { return type == OFFSIM_CHOICE || type == OFFSIM_TEXT || type >= OFFSIM_FEATURE; }

static const char *parameter_flaw(const struct offsim_parameter *p)
{
  if (!is_name(p->name)) return "has no proper name";
  if (p->type < OFFSIM_NUMBER || p->type > OFFSIM_FEATURES) return "has an unknown type";
  if (is_text_type(p->type) && !p->text) return "has no default text";
  if (p->type == OFFSIM_CHOICE && !p->choices) return "has no choices";
  if (!is_text_type(p->type) && !(p->min <= p->max)) return "has bounds in the wrong order";
  if (!is_text_type(p->type) && !p->required && (p->number < p->min || p->number > p->max))
    return "has a default outside its bounds";
  return NULL;
}

static bool sane_parameters(const struct offsim_policy *p, const char *path, struct where at, struct err *err)
{
  bool ok = true;
  for (uint32_t i = 0; i < p->n_parameters; i++) {
    const char *flaw = parameter_flaw(&p->parameter[i]);
    if (flaw) ok = err_add(err, at, "policy %s: its parameter %u (%s) %s", path, i,
                           p->parameter[i].name ? p->parameter[i].name : "?", flaw);
  }
  return ok;
}

static bool sane(struct loaded_policy *l, const char *path, struct where at, struct err *err)
{
  if (!l->policy) return err_add(err, at, "policy %s: offsim_policy_entry returned nothing", path);
  if (!same_boundary(l->policy, path, at, err)) return false;
  if (l->policy->n_features > MAX_FEATURES)
    return err_add(err, at, "policy %s declares more than %d features", path, MAX_FEATURES);
  if (l->policy->n_parameters > 256) return err_add(err, at, "policy %s declares more than 256 parameters", path);
  if (is_older(l->policy)) l->policy = l->copy = widened(l->policy);
  const struct offsim_policy *p = l->policy;
  const char *flaw = !is_name(p->name) ? "has no proper name" : !p->description ? "has no description" :
    !p->citation ? "has no citation (\"\" is fine)" : !p->decide ? "has no function decide" :
    p->memo_size > 4096 ? "wants more than 4096 bytes per decision" :
    (p->n_features && !p->feature) || (p->n_parameters && !p->parameter) ? "lacks an array that it counts" : NULL;
  return flaw ? err_add(err, at, "policy %s %s", path, flaw) : sane_parameters(p, path, at, err);
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

/* Rounding, and whether numbers below the normal ones are kept: what start-up code may have changed. */
struct floating { int rounding; bool keeps_tiny; };
static struct floating floating_now(void)
{
  volatile double smallest = DBL_MIN;
  return (struct floating){fegetround(), smallest / 4 > 0};
}

bool policy_keeps_floating_point(void)
{
  struct floating now = floating_now();
  return now.rounding == FE_TONEAREST && now.keeps_tiny;
}

/* The floating-point environment (MXCSR too) is put back: code linked with -ffast-math changes it when it is loaded. */
static bool open_plugin(const char *path, struct where at, struct loaded_policy *out, struct err *err)
{
  fenv_t environment;
  fegetenv(&environment);
  struct floating before = floating_now();
  out->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  offsim_policy_entry_fn *entry = NULL;
  if (out->handle) *(void **)&entry = dlsym(out->handle, "offsim_policy_entry");
  out->policy = entry ? entry() : NULL;
  struct floating after = floating_now();
  out->changed_floating_point = before.rounding != after.rounding || before.keeps_tiny != after.keeps_tiny;
  fesetenv(&environment);
  if (!out->handle) return err_add(err, at, "cannot load policy %s: %s", path, dlerror());
  if (!entry) return err_add(err, at, "%s is not a policy: it has no function offsim_policy_entry", path);
  return sane(out, path, at, err);
}

static bool open_python(const char *path, struct where at, struct loaded_policy *out, struct err *err)
{
  out->python = policy_python_start(path, at, err);
  out->policy = out->python ? policy_python_descriptor(out->python) : NULL;
  return out->policy && sane(out, path, at, err);
}

bool policy_load(const struct policy_def *def, struct loaded_policy *out, struct err *err)
{
  char path[PATH_MAX];
  *out = (struct loaded_policy){0};
  if (!policy_locate(def, path, err)) return false;
  if (!path[0]) {
    out->policy = policy_builtin(def->policy);
    return sane(out, def->policy, def->at, err);
  }
  if (def->desk) def->desk->call = CALL_LOAD;
  bool ok = policy_is_python(path) ? open_python(path, def->at, out, err) : open_plugin(path, def->at, out, err);
  if (def->desk) def->desk->call = CALL_NONE;
  if (ok) return true;
  policy_unload(out);
  return false;
}

void policy_unload(struct loaded_policy *loaded)
{
  free(loaded->copy);
  policy_python_free(loaded->python);
  if (loaded->handle) dlclose(loaded->handle);
  *loaded = (struct loaded_policy){0};
}

/* The plug-in stays loaded to the end of the process, since the descriptor lies in it. */
const struct offsim_policy *policy_describe(const struct policy_def *def, struct err *err)
{
  struct loaded_policy loaded;
  if (!policy_load(def, &loaded, err)) return NULL;
  if (loaded.python) policy_python_halt(loaded.python);
  return loaded.policy;
}
