#include "experiments/todo.h"
#include "analysis/text.h"
#include "experiments/model_version.h"
#include <stdlib.h>
#include <string.h>

static const char magic[16] = "offsim todo 1\n";
enum { MOST_RUNS = 1600000 };                             /* what text_load reads, 64 MiB */
struct head { char magic[16]; struct hash hash; uint64_t model_version, tasks, n; };

/* ---- which task does what ---------------------------------------------------------------------------------------- */

/* Neighbours in the list that go to the same task. Equal costs are shuffled by identity: dealt in the order of a grid,
 * all runs of one level could meet in one task. */
struct block { uint64_t first, n; double cost_s; struct hash tie; };

static int by_cost(const void *a, const void *b)
{
  const struct block *x = a, *y = b;
  if (x->cost_s != y->cost_s)
    return x->cost_s < y->cost_s ? 1 : -1;
  return memcmp(&x->tie, &y->tie, sizeof x->tie);
}

static uint64_t make_blocks(const struct todo *t, const double *cost_s, bool by_point, struct block *block)
{
  uint64_t n = 0;
  for (uint64_t i = 0; i < t->n; i++) {
    if (i == 0 || !by_point || t->run[i].point != t->run[i - 1].point)
      block[n++] = (struct block){.first = i, .tie = t->run[i].id};
    block[n - 1].n++;
    block[n - 1].cost_s += cost_s ? cost_s[i] : 1;
  }
  return n;
}

void todo_deal(struct todo *t, uint64_t tasks, const double *cost_s)
{
  struct block *block = grab(t->n + 1, sizeof *block);
  uint64_t n = make_blocks(t, cost_s, true, block), k = 0;
  if (n < 4 * tasks) {
    memset(block, 0, (t->n + 1) * sizeof *block);
    n = make_blocks(t, cost_s, false, block);
  }
  qsort(block, n, sizeof *block, by_cost);
  struct todo_run *dealt = grab(t->n + 1, sizeof *dealt);
  for (uint64_t i = 0; i < n; i++)
    for (uint64_t m = 0, turn = i / tasks % 2; m < block[i].n; m++) {
      dealt[k] = t->run[block[i].first + m];
      dealt[k++].task = (uint32_t)(turn ? tasks - i % tasks : i % tasks + 1);
    }
  free(t->run);
  free(block);
  t->run = dealt;
  t->tasks = tasks;
}

static int by_id(const void *a, const void *b)
{
  return memcmp(&((const struct todo_run *)a)->id, &((const struct todo_run *)b)->id, sizeof(struct hash));
}

void todo_deal_again(struct todo *t, const struct todo *before)
{
  struct todo_run *sorted = grab(before->n + 1, sizeof *sorted);
  memcpy(sorted, before->run, before->n * sizeof *sorted);
  qsort(sorted, before->n, sizeof *sorted, by_id);
  t->tasks = before->tasks;
  for (uint64_t i = 0; i < t->n; i++) {
    const struct todo_run *had = bsearch(&t->run[i], sorted, before->n, sizeof *sorted, by_id);
    t->run[i].task = had ? had->task : (uint32_t)(i % t->tasks) + 1;
  }
  free(sorted);
}

static bool *busy_tasks(const struct todo *t)
{
  bool *busy = grab(t->tasks + 2, sizeof *busy);
  for (uint64_t i = 0; i < t->n; i++)
    busy[t->run[i].task] = true;
  return busy;
}

char *todo_array(const struct todo *t)
{
  struct text list = {0};
  bool *busy = busy_tasks(t);
  text_put(&list, "");
  for (uint64_t k = 1; k <= t->tasks; k++) {
    uint64_t last = k;
    if (!busy[k])
      continue;
    while (busy[last + 1])                              /* one place beyond the last is false */
      last++;
    text_add(&list, last > k ? "%s%llu-%llu" : "%s%llu", list.n ? "," : "", (unsigned long long)k, (unsigned long long)last);
    k = last;
  }
  free(busy);
  return list.s;
}

uint64_t todo_busy_tasks(const struct todo *t)
{
  uint64_t n = 0;
  bool *busy = busy_tasks(t);
  for (uint64_t k = 1; k <= t->tasks; k++)
    n += busy[k];
  free(busy);
  return n;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static char *file_of(const char *dir)
{
  struct text path = {0};
  text_add(&path, "%s/slurm/todo.bin", dir);
  return path.s;
}

bool todo_write(const struct todo *t, const char *dir, struct err *err)
{
  if (t->n > MOST_RUNS)
    return err_add(err, (struct where){0}, "a submission holds at most %d runs, not %llu; split the study", MOST_RUNS,
                   (unsigned long long)t->n);
  struct head head = {.hash = hash_bytes(t->run, t->n * sizeof *t->run), .model_version = OFFSIM_MODEL_VERSION,
                      .tasks = t->tasks, .n = t->n};
  memcpy(head.magic, magic, sizeof magic);
  struct text all = {0};
  text_put_n(&all, (const char *)&head, sizeof head);
  text_put_n(&all, (const char *)t->run, t->n * sizeof *t->run);
  char *path = file_of(dir);
  bool ok = text_save(&all, path, err);
  free(path);
  free(all.s);
  return ok;
}

static bool take(struct todo *t, const char *bytes, size_t size, const char *path, struct err *err)
{
  struct head head;
  if (size < sizeof head)
    return err_system(err, "%s is damaged", path);
  memcpy(&head, bytes, sizeof head);
  if (memcmp(head.magic, magic, sizeof magic) != 0)
    return err_system(err, "%s is not a list of runs of this version of offsim", path);
  if (head.model_version != OFFSIM_MODEL_VERSION)
    return err_system(err, "%s was written by a program with other models; submit the study again", path);
  size_t rest = size - sizeof head;
  if (head.n != rest / sizeof *t->run || rest % sizeof *t->run
      || !hash_equal(head.hash, hash_bytes(bytes + sizeof head, rest)))
    return err_system(err, "%s is damaged", path);
  *t = (struct todo){head.tasks, head.n, grab(head.n + 1, sizeof *t->run)};
  memcpy(t->run, bytes + sizeof head, rest);
  return true;
}

bool todo_read(const char *dir, struct todo *t, struct err *err)
{
  size_t n;
  char *path = file_of(dir), *bytes = text_load(path, &n, err);
  bool ok = bytes && take(t, bytes, n, path, err);
  free(bytes);
  free(path);
  return ok;
}

void todo_release(struct todo *t)
{
  free(t->run);
  *t = (struct todo){0};
}
