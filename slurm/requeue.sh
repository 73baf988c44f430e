#!/bin/bash
# A study longer than the time limit, or in a partition whose jobs are preempted: the job puts itself back into the
# queue until the study is complete.
#
#     sbatch slurm/requeue.sh STUDY.yaml [OPTION of 'lesion run']...
#
# Edit the lines marked <-. The study, the weights, the images and Lesion itself are at the same path on all nodes; the
# result is results/<study>.db below the folder that this is submitted from. 'scancel JOB' ends it for good, 'scancel -b
# -s USR1 JOB' puts it back into the queue at once.
#SBATCH --job-name=lesion
#SBATCH --partition=main            # <- sinfo lists them
#SBATCH --nodes=4                   # <-
#SBATCH --ntasks-per-node=32        # <- the cores of a node
#SBATCH --time=4:00:00              # <- of each turn; short ones start sooner
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --signal=B:USR1@120         # before the time is over, and before a preemption: finish what is in hand, store it
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

# module load openmpi openblas      # <- what Lesion was built with
lesion=${LESION:-lesion}            # <- its path, unless it is in PATH
most_restarts=${MOST_RESTARTS:-50}  # <-

# When SLURM ends this job, which 'lesion run' heeds too. Old versions of SLURM do not say it by themselves.
end=$(SLURM_TIME_FORMAT=%s squeue -h -j "$SLURM_JOB_ID" -o %e) && export SLURM_JOB_END_TIME="$end"

# A rank more than there are cores: one coordinates and sleeps.
export OPENBLAS_NUM_THREADS=1
mpirun --oversubscribe --bind-to none -n $((SLURM_NTASKS + 1)) "$lesion" run "$@" &
run=$!

# USR1 is passed on. TERM means that SLURM ends the job, which all processes are told, or requeues it by itself.
signalled='' ended=''
trap 'signalled=yes; kill -USR1 "$run" 2>/dev/null' USR1
trap 'signalled=yes ended=yes' TERM
while
    signalled=''
    wait "$run"
    code=$?
    [ -n "$signalled" ] # then it was 'wait' that ended, not the run
do :; done

# 75: stopped early. Above 128: a rank, a node or mpirun's link to one is lost. Everything else is final.
if [ "$code" -ne 75 ] && [ "$code" -le 128 ]; then exit "$code"; fi
sleep 2 # 'scancel' may have ended the run before its TERM arrives here
if [ -n "$ended" ]; then exit "$code"; fi
if [ "${SLURM_RESTART_COUNT:-0}" -ge "$most_restarts" ]; then
    echo "requeue.sh: exit code $code after $most_restarts restarts: not requeued. 'sbatch' it again to continue" >&2
    exit "$code"
fi
echo "requeue.sh: exit code $code: requeued"
scontrol requeue "$SLURM_JOB_ID"
