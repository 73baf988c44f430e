#!/bin/bash
# A study on one node.
#
#     sbatch slurm/one-node.sh STUDY.yaml [OPTION of 'lesion run']...
#
# Edit the lines marked <-. The result is results/<study>.db below the folder that this is submitted from. If the time
# was too short the job ends with exit code 75: submit it again, and it continues.
#SBATCH --job-name=lesion
#SBATCH --partition=main            # <- sinfo lists them
#SBATCH --ntasks=32                 # <- the cores of the node
#SBATCH --time=4:00:00              # <- 'lesion plan STUDY.yaml' estimates it
#SBATCH --nodes=1
#SBATCH --exclusive
#SBATCH --mem=0
#SBATCH --signal=B:USR1@120         # before the time is over: finish what is in hand, store it, stop
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

# module load openmpi openblas      # <- what Lesion was built with
lesion=${LESION:-lesion}            # <- its path, unless it is in PATH

# When SLURM ends this job, which 'lesion run' heeds too. Old versions of SLURM do not say it by themselves.
end=$(SLURM_TIME_FORMAT=%s squeue -h -j "$SLURM_JOB_ID" -o %e) && export SLURM_JOB_END_TIME="$end"

# A rank more than there are cores: one coordinates and sleeps. As mpirun takes this script's place, it gets the signal.
export OPENBLAS_NUM_THREADS=1
exec mpirun --oversubscribe --bind-to none -n $((SLURM_NTASKS + 1)) "$lesion" run "$@"
