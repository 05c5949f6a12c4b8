/* `offsim validate [SUITE]`: the simulator against what is known without it. */
#include "experiments/commands.h"
#include "experiments/validate/suites.h"
#include "scenarios/units.h"
#include "sim/arena.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct suite { const char *name; int (*run)(struct suite_options *); bool (*has)(const struct suite_options *); const char *doc; };
static const struct suite suites[] = {
  {"queues", validate_queues, queues_has, "closed forms of queueing theory, through scenario files"},
  {"intervals", validate_intervals, intervals_has, "how often intervals hold the truth, and whether runs too short are seen"},
  {"policies", validate_policies, policies_has, "policies against checked values: regret, delay, changes, queues, hedging"},
};
/* Replays of a file that the user names, and questions of the user: only on demand, with options of their own. */
struct replay_suite { const char *name; int (*run)(int, char **); const char *doc; };
static const struct replay_suite replays[] = {
  {"scheduler", validate_scheduler, "a reference workload through the LLM engine, request by request (--help)"},
  {"vllm", validate_vllm, "a recorded run of a vLLM server, on the kernel times of its card (--help)"},
  {"steps", validate_steps, "a compact step time against the tables of a card, or fitted to them (--help)"},
  {"regret", validate_regret, "regret of a policy on Bernoulli arms of your own (--help)"},
  {"pod", validate_pod, "the shortest of d random queues (--help)"},
  {"flows", validate_flows, "flows over several links at once, by max-min fairness (--help)"},
  {"routers", validate_routers, "routers between a weak and a strong model, on recorded outcomes (--help)"},
  {"calibration", validate_calibration, "a profile of this machine: its errors, its bands off the grid, a second one (--help)"},
  {"pipeline", validate_pipeline, "a request of six tasks, executed for real, against a profile's prediction (--help)"},
};
enum { N_REPLAYS = sizeof replays / sizeof *replays };
enum { N_SUITES = sizeof suites / sizeof *suites, MAX_OVERRIDES = 32, MAX_WORKERS = 1024 };

const char *share_scenarios(struct arena *a)
{
  return share_folder(a);
}

static int usage(FILE *out, int code)
{
  fprintf(out, "usage: offsim validate [SUITE] [--quick] [--seed S] [--case NAME] [--margin M] [--set PATH=VALUE]... [-j N]\n"
               "                       [--plant load|discipline|residual|batch|setup|keep|repair|patience]\n"
               "       offsim validate intervals [--quick] [--seed S] [--case NAME] [-j N] [--format table|json] [--plant iid|never|always]\n"
               "                       [--length N] [--experiments N]\n"
               "       offsim validate policies [--quick] [--seed S] [--case NAME] [-j N] [--format table|json] \n"
               "                       [--plant radius|ties|initial|scale]\n"
               "suites:\n");
  for (int i = 0; i < N_SUITES; i++) fprintf(out, "  %-10s %s\n", suites[i].name, suites[i].doc);
  for (int i = 0; i < N_REPLAYS; i++) fprintf(out, "  %-10s %s\n", replays[i].name, replays[i].doc);
  return code;
}

static bool add_override(struct override *list, size_t *n, char *text)
{
  char *equals = strchr(text, '=');
  if (!equals || *n == MAX_OVERRIDES) return false;
  *equals = 0;
  list[(*n)++] = (struct override){text, equals + 1};
  return true;
}

/* Options with a number. False after saying what is wrong. */
static bool take_number(struct suite_options *o, int option, const char *text)
{
  static const char *const names[] = {['s'] = "--seed", ['m'] = "--margin", ['r'] = "--requests", ['j'] = "-j",
                                      ['l'] = "--length", ['e'] = "--experiments"};
  char why[UNITS_WHY] = "";
  unsigned long long count = 1;
  double x = 1;
  bool ok = option == 's' || option == 'j' || option == 'e' ? count_parse(text, &count, why) : number_parse(text, Q_PURE, &x, why);
  if (ok && (option == 'j' && (count < 1 || count > MAX_WORKERS))) ok = snprintf(why, sizeof why, "1 to %d", MAX_WORKERS) < 0;
  if (ok && option == 'e' && (count < 1 || count > 1000000)) ok = snprintf(why, sizeof why, "1 to 1000000") < 0;
  if (ok && !(x > 0)) ok = snprintf(why, sizeof why, "must be more than 0") < 0;
  if (!ok) return fprintf(stderr, "offsim validate: %s %s: %s\n", names[option], text, why), false;
  if (option == 's') o->seed = count;
  else if (option == 'j') o->workers = (int)count;
  else if (option == 'm') o->margin = x;
  else if (option == 'e') o->experiments = (int)count;
  else if (option == 'l') o->length = x;
  else o->requests = x;
  return true;
}

/* Reads the options; returns -1 to go on, or the exit code. */
static int read_options(int argc, char **argv, struct suite_options *o, struct override *overrides)
{
  static const struct option names[] = {
    {"quick", no_argument, 0, 'q'}, {"seed", required_argument, 0, 's'}, {"case", required_argument, 0, 'c'}, {"set", required_argument, 0, 'S'},
    {"margin", required_argument, 0, 'm'}, {"plant", required_argument, 0, 'p'}, {"requests", required_argument, 0, 'r'}, {"help", no_argument, 0, 'h'}, {"format", required_argument, 0, 'f'},
    {"length", required_argument, 0, 'l'}, {"experiments", required_argument, 0, 'e'}, {0}};
  for (int c; (c = getopt_long(argc, argv, "j:h", names, NULL)) != -1;)
    switch (c) {
    case 'q': o->quick = true; break;
    case 's': case 'm': case 'r': case 'j': case 'l': case 'e':
      if (!take_number(o, c, optarg)) return EXIT_USER;
      break;
    case 'f':
      o->json = strcmp(optarg, "json") == 0;
      if (!o->json && strcmp(optarg, "table")) return usage(stderr, EXIT_USER);
      break;
    case 'c': o->only = optarg; break;
    case 'p': o->plant = optarg; break;
    case 'S':
      if (!add_override(overrides, &o->n_overrides, optarg)) return usage(stderr, EXIT_USER);
      break;
    case 'h': return usage(stdout, EXIT_OK);
    default: return usage(stderr, EXIT_USER);
    }
  if (o->workers < 1) o->workers = 1;
  return -1;
}

/* Measured on two cores: 15 minutes at full size, 1 minute at the reduced one. Parts of the suite take less. */
static void say_how_long(const struct suite_options *o)
{
  if (o->only || o->plant || o->n_overrides || o->requests > 0) return;
  double minutes = (o->quick ? 2. : 30.) / o->workers;
  fprintf(stderr, "offsim validate: about %.0f minute%s on %d core%s%s\n", minutes < 1 ? 1 : minutes, minutes < 1.5 ? "" : "s",
          o->workers, o->workers == 1 ? "" : "s", o->quick ? "" : " (--quick: reduced, a fifteenth of it)");
}

/* Without its name `intervals` runs reduced: at full size both suites together would take more than 20 minutes. */
static struct suite_options sized(const struct suite_options *o, int suite, const char *wanted)
{
  struct suite_options mine = *o;
  mine.quick = o->quick || (!wanted && suites[suite].run == validate_intervals);
  return mine;
}

int cmd_validate(int argc, char **argv)
{
  for (int i = 0; i < N_REPLAYS && argc > 1; i++)
    if (strcmp(argv[1], replays[i].name) == 0) return replays[i].run(argc - 1, argv + 1);
  struct override overrides[MAX_OVERRIDES];
  struct suite_options o = {.seed = 1, .workers = (int)sysconf(_SC_NPROCESSORS_ONLN), .overrides = overrides};
  int code = read_options(argc, argv, &o, overrides), worst = EXIT_OK;
  if (code >= 0) return code;
  const char *wanted = optind < argc ? argv[optind] : NULL;
  const char *foreign = NULL;
  bool found = false;
  for (int i = 0; i < N_SUITES; i++) {
    if (wanted && strcmp(wanted, suites[i].name)) continue;
    if (!suites[i].has(&o)) {
      foreign = suites[i].name;
      continue;
    }
    found = true;
    struct suite_options mine = sized(&o, i, wanted);
    if (i == 0) say_how_long(&mine);
    code = suites[i].run(&mine);
    if (code > worst) worst = code;
  }
  if (found) return worst;
  if (foreign) fprintf(stderr, "offsim validate: a case, a planted fault or an option that %s does not have\n", wanted ? foreign : "no suite");
  else fprintf(stderr, "offsim validate: unknown suite '%s'\n", wanted);
  return usage(stderr, EXIT_USER);
}
