/* Job scripts: words survive a real shell, what cannot be written is refused, directives say what the study asks for;
 * and the number of tasks stays under every limit. */
#include "experiments/script.h"
#include "experiments/slurm.h"
#include "experiments/spawn.h"
#include "tests/unit/unit.h"

static const char *const call[] = {"my study.yaml", "-o", "it's $HOME `x` \"y\" \\ end"};

static struct script_setup setup(const struct slurm_def *cluster)
{
  return (struct script_setup){.cluster = cluster, .name = "bw-cache", .program = "/opt/off sim/offsim",
    .folder = "/r/it's", .working = "/home/me/a b", .call = call, .n_call = 3, .tasks = 40, .array = "1-40", .round = 1};
}

/* What /bin/sh makes of the quoted word. */
static void assert_survives(const char *word)
{
  struct err err;
  err_init(&err);
  struct text script = {0};
  text_put(&script, "printf %s ");
  assert_true(script_quote(&script, word, "word", &err));
  const char *const argv[] = {"/bin/sh", "-c", script.s, NULL};
  char *out, *said;
  assert_int_equal(spawn_read(argv, NULL, &out, &said), 0);
  assert_string_equal(out, word);
  assert_string_equal(said, "");
  free(out), free(said), free(script.s);
  err_release(&err);
}

static void test_quoting(void **state)
{
  static const char *const word[] = {"plain", "", "two words", "it's", "''", "$HOME", "`id`", "$(id)", "\\", "a\\'b",
    "\"", "*", "~", "#x", "!x", "a;b&c|d<e>f", "-n", "%s%d", "\xc3\xa9t\xc3\xa9"};
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    assert_survives(word[i]);
  static const char *const refused[] = {"a\nb", "a\rb", "\033[2J", "tab\there", "\x7f"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    struct err err;
    err_init(&err);
    struct text t = {0};
    assert_false(script_quote(&t, refused[i], "a path", &err));
    assert_int_equal(err.code, EXIT_USER);
    free(t.s);
    err_release(&err);
  }
}

static void assert_has(const char *text, const char *line)
{
  if (!strstr(text, line))
    fail_msg("'%s' is not in:\n%s", line, text);
}

static void test_array_script(void **state)
{
  struct slurm_def c = {.partition = "cpu,long", .prelude = "module load gcc", .time_s = 7201, .mem_bytes = 4e9, .cpus = 2,
                        .concurrent = 50, .stop_before_s = 90};
  struct script_setup s = setup(&c);
  struct err err;
  err_init(&err);
  char *text = script_array(&s, &err);
  assert_non_null(text);
  assert_has(text, "#!/bin/bash\n");
  assert_has(text, "\n#SBATCH --array=1-40%50\n");
  assert_has(text, "\n#SBATCH --partition=cpu,long\n");
  assert_has(text, "\n#SBATCH --time=121\n");            /* 7201 s are 120.02 minutes */
  assert_has(text, "\n#SBATCH --mem=3815M\n");           /* 4e9 / 2^20 = 3814.7 */
  assert_has(text, "\n#SBATCH --cpus-per-task=2\n");
  assert_has(text, "\n#SBATCH --signal=B:USR1@90\n");
  assert_has(text, "\n#SBATCH --requeue\n");
  assert_has(text, "\ncd '/home/me/a b' || exit 3\nmodule load gcc\n'/opt/off sim/offsim' sweep 'my study.yaml' '-o' "
                   "'it'\\''s $HOME `x` \"y\" \\ end' --shard \"$SLURM_ARRAY_TASK_ID/40\" --quiet &\n");
  assert_null(strstr(text, "--account"));
  free(text);
  text = script_merge(&s, &err);
  assert_has(text, "\n#SBATCH --job-name=offsim-bw-cache-merge\n");
  assert_has(text, "--launcher slurm --round 2\n");
  assert_null(strstr(text, "--array"));
  free(text);
  err_release(&err);
}

static void assert_refused(struct script_setup s)
{
  struct err err;
  err_init(&err);
  assert_null(script_array(&s, &err));
  assert_int_equal(err.code, EXIT_USER);
  err_release(&err);
}

static void test_refused(void **state)
{
  struct slurm_def spaced = {.partition = "cpu --uid=0"}, broken = {.account = "x\n#SBATCH --uid=0"},
                   quoted = {.qos = "a'b"}, fine = {0};
  assert_refused(setup(&spaced));
  assert_refused(setup(&broken));
  assert_refused(setup(&quoted));
  struct script_setup s = setup(&fine);
  s.working = "/tmp/a\nrm -rf /";
  assert_refused(s);
  s = setup(&fine);
  s.name = "a b";
  assert_refused(s);
}

static void test_template(void **state)
{
  struct slurm_def c = {.time_s = 3725, .mem_bytes = 4e9, .cpus = 2, .partition = "long"};
  struct script_setup s = setup(&c);
  struct err err;
  err_init(&err);
  char *text = script_template(&s, "pbs.sh", "#PBS -J 1-{{tasks}}%{{concurrent}} -q {{partition}}\n"
    "#PBS -l walltime={{time_hms}},mem={{mem_mb}}mb,ncpus={{cpus}}\nindex=$PBS_ARRAY_INDEX\ncd {{working}}\n{{command}}\n", &err);
  assert_string_equal(text, "#PBS -J 1-40%40 -q long\n#PBS -l walltime=01:02:05,mem=4000mb,ncpus=2\n"
    "index=$PBS_ARRAY_INDEX\ncd '/home/me/a b'\n'/opt/off sim/offsim' sweep 'my study.yaml' '-o' "
    "'it'\\''s $HOME `x` \"y\" \\ end' --shard \"$index/40\" --quiet\n");
  free(text);
  assert_null(script_template(&s, "t", "{{command}}\n  {{taks}}\n", &err));
  assert_int_equal(err.problems[0].at.line, 2);
  assert_int_equal(err.problems[0].at.column, 3);
  assert_has(err.problems[0].message, "did you mean '{{tasks}}'");
  assert_null(script_template(&s, "t", "{{command}} {{tasks\n}}", &err));
  assert_null(script_template(&s, "t", "echo {{tasks}}\n", &err));       /* runs nothing */
  assert_int_equal(err.code, EXIT_USER);
  err_release(&err);
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static void test_limits_read(void **state)
{
  struct slurm_limits l = {0};
  slurm_read_config("Configuration data as of 2026-01-01T00:00:00\nMaxArraySize            = 1001\nMaxJobCount = 10000\n"
    "SchedulerParameters     = bf_interval=1,max_array_tasks=700\nSLURM_VERSION           = 22.05.8\n", &l);
  assert_int_equal(l.array_size, 1001);
  assert_int_equal(l.jobs, 10000);
  assert_int_equal(l.array_tasks, 700);
  assert_string_equal(l.version, "22.05.8");
  assert_int_equal(slurm_least("|\n500|\n|20\n"), 20);
  assert_int_equal(slurm_least("|\n"), 0);
  assert_int_equal(slurm_least("cpu=3|\n"), 0);          /* no whole field */
  assert_int_equal(slurm_lines("1_1\n1_2\n"), 2);
}

static uint64_t tasks(struct slurm_def c, struct slurm_limits l, uint64_t runs, double cpu_s)
{
  const char *why;
  struct err err;
  err_init(&err);
  uint64_t n = slurm_tasks(&c, &l, runs, cpu_s, &why, &err);
  assert_int_equal(err.code, n ? EXIT_OK : EXIT_SYSTEM);
  err_release(&err);
  return n;
}

static void test_tasks(void **state)
{
  const struct slurm_limits none = {0};
  const struct slurm_def two_hours = {.time_s = 7200, .cpus = 2, .concurrent = 50, .array_max = 200};
  assert_int_equal(tasks(two_hours, none, 100000, 720000), 100);         /* 360000 s / 3600 s a task */
  assert_int_equal(tasks(two_hours, none, 100000, 7200000), 200);        /* 1000 wanted */
  assert_int_equal(tasks(two_hours, none, 100000, 72000), 50);           /* 10 would do; 50 may run at once */
  assert_int_equal(tasks(two_hours, none, 100000, 1200), 10);            /* not under a minute */
  assert_int_equal(tasks(two_hours, none, 3, 720000), 3);
  assert_int_equal(tasks(two_hours, none, 7, (double)NAN), 7);
  assert_int_equal(tasks(two_hours, (struct slurm_limits){.array_size = 101}, 100000, 7200000), 100);
  assert_int_equal(tasks(two_hours, (struct slurm_limits){.array_size = 1001, .submit = 90, .queued = 9}, 100000, 7200000), 80);
  assert_int_equal(tasks(two_hours, (struct slurm_limits){.jobs = 50, .queued_all = 20}, 100000, 7200000), 29);
  assert_int_equal(tasks(two_hours, (struct slurm_limits){.submit = 5, .queued = 4}, 100000, 7200000), 0);   /* planted */
  const struct slurm_def four = {.tasks = 4};
  assert_int_equal(tasks(four, none, 100, (double)NAN), 4);
  assert_int_equal(tasks(four, (struct slurm_limits){.array_size = 3}, 100, 1e6), 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_quoting), cmocka_unit_test(test_array_script),
    cmocka_unit_test(test_refused), cmocka_unit_test(test_template), cmocka_unit_test(test_limits_read),
    cmocka_unit_test(test_tasks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
