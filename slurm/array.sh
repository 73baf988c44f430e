#!/bin/bash
# A study as an array of jobs, one node each, that know nothing of each other: SLURM starts each when a node is free for
# it, which on a busy cluster is sooner than many nodes at once. Each computes a shard of the study, puts itself back
# into the queue until that is complete, and a last job combines them:
#
#     array=$(sbatch --parsable slurm/array.sh STUDY.yaml [OPTION of 'lesion run']...)
#     sbatch --dependency=afterany:$array slurm/merge.sh STUDY.yaml
#
# Edit the lines marked <-. The shards are results/STUDY.1-of-8.db and so on, below the folder that this is submitted
# from; the result is results/STUDY.db. 'sbatch --array=3,5 ...' runs some of the shards once more.
#SBATCH --job-name=lesion
#SBATCH --array=1-8                 # <- the shards
#SBATCH --partition=main            # <- sinfo lists them
#SBATCH --ntasks=32                 # <- the cores of a node
#SBATCH --time=4:00:00              # <- of each turn of each shard
#SBATCH --nodes=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --signal=B:USR1@120         # before the time is over, and before a preemption: finish what is in hand, store it
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log

shards=8                            # <- how many, as in --array=1-8
# module load openmpi openblas      # <- what Lesion was built with
lesion=${LESION:-lesion}            # <- its path, unless it is in PATH
most_restarts=${MOST_RESTARTS:-50}  # <- of each shard

study=${1:?which study?}
shard=$SLURM_ARRAY_TASK_ID
database=results/$(basename "$study" .yaml).$shard-of-$shards.db
job=${SLURM_ARRAY_JOB_ID}_$shard    # $SLURM_JOB_ID would mean all of the array in one of its jobs

# When SLURM ends this job, which 'lesion run' heeds too. Old versions of SLURM do not say it by themselves.
end=$(SLURM_TIME_FORMAT=%s squeue -h -j "$job" -o %e) && export SLURM_JOB_END_TIME="$end"

# A rank more than there are cores: one coordinates and sleeps.
export OPENBLAS_NUM_THREADS=1
mpirun --oversubscribe --bind-to none -n $((SLURM_NTASKS + 1)) \
    "$lesion" run "$@" --shard "$shard/$shards" --db "$database" &
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
    echo "array.sh, shard $shard: exit code $code after $most_restarts restarts: not requeued. To continue, 'sbatch'" \
        "the same again, with --array=$shard" >&2
    exit "$code"
fi
echo "array.sh, shard $shard: exit code $code: requeued"
scontrol requeue "$job"
