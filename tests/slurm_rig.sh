# slurm_rig.sh: a Slurm cluster of one node on loopback, for tests; no systemd, no root needed, nothing outside of a
# temporary folder. `rig_start FOLDER MAX_ARRAY_SIZE` and `rig_stop`; every process of it carries SLURM_CONF=FOLDER/...
rig_installed() { for p in slurmctld slurmd munged mungekey; do [ -x /usr/sbin/$p ] || return 1; done; command -v sbatch >/dev/null; }

rig_ports() { # two free ports
  /usr/bin/python3 -c 'import socket
s = [socket.socket() for _ in range(2)]
for x in s: x.bind(("127.0.0.1", 0))
print(*[x.getsockname()[1] for x in s])'
}

rig_configure() { # FOLDER MAX_ARRAY_SIZE
  local d=$1 host ports; host=$(hostname -s); read -ra ports < <(rig_ports)
  mkdir -p "$d/state" "$d/spool"; mkdir -m 711 "$d/munge"
  cat >"$d/slurm.conf" <<CONF
ClusterName=rig
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$d/munge/socket,cred_expire=5
StateSaveLocation=$d/state
SlurmdSpoolDir=$d/spool
SlurmctldPidFile=$d/slurmctld.pid
SlurmdPidFile=$d/slurmd.pid
SlurmctldLogFile=$d/slurmctld.log
SlurmdLogFile=$d/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=100000
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=2
MaxArraySize=$2
MaxJobCount=1000
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
}

rig_start() { # FOLDER MAX_ARRAY_SIZE; returns when the node is idle
  local d=$1
  rig=$d
  rig_configure "$d" "$2"
  export SLURM_CONF=$d/slurm.conf
  /usr/sbin/mungekey -c -k "$d/munge/key" || return 1
  /usr/sbin/munged -F --force --num-threads=1 --key-file="$d/munge/key" --socket="$d/munge/socket" --log-file="$d/munge/log" \
    --pid-file="$d/munge/pid" --seed-file="$d/munge/seed" >"$d/munged.out" 2>&1 &
  rig_until 10 test -S "$d/munge/socket" || return 1
  /usr/sbin/slurmctld -D -i >"$d/slurmctld.out" 2>&1 &
  /usr/sbin/slurmd -D -N "$(hostname -s)" >"$d/slurmd.out" 2>&1 &
  rig_until 20 rig_idle
}

rig_idle() { [ "$(sinfo -h -o %t 2>/dev/null)" = idle ]; }
rig_quiet() { [ -z "$(squeue -h 2>/dev/null)" ]; }
rig_until() { # SECONDS COMMAND...: until the command succeeds
  local end=$((SECONDS + $1)); shift
  until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

# Daemons, step managers and jobs alike; the marker is in the environment that each of them was started with.
rig_processes() {
  local p
  for p in /proc/[0-9]*; do
    { grep -qzxF "SLURM_CONF=$rig/slurm.conf" "$p/environ"; } 2>/dev/null && [ "${p#/proc/}" != "$BASHPID" ] && echo "${p#/proc/}"
  done
}
rig_stop() {
  local left i
  [ -n "${rig:-}" ] && [ -n "$(rig_processes)" ] || return 0
  rig_quiet || timeout 5 scancel -u "$(id -un)" >/dev/null 2>&1
  for i in TERM TERM KILL KILL; do
    left=$(rig_processes); [ -n "$left" ] || break
    kill -$i $left 2>/dev/null; sleep 0.5
  done
  wait 2>/dev/null
}
