#!/bin/bash
# Combines the shards that array.sh has computed, in a job of its own that waits for these:
#
#     sbatch --dependency=afterany:ARRAY-JOB slurm/merge.sh STUDY.yaml
#
# Edit the lines marked <-. The result is results/STUDY.db below the folder that this is submitted from, its tables are
# the log. Exit code 75: a shard is missing or not complete. Then submit those, and this, once more, or let
# 'lesion run STUDY.yaml --db results/STUDY.db' compute what is missing.
#SBATCH --job-name=lesion-merge
#SBATCH --partition=main            # <- sinfo lists them
#SBATCH --ntasks=1
#SBATCH --time=30                   # <- minutes
#SBATCH --mem=4G                    # <-
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

# module load openmpi openblas      # <- what Lesion was built with
lesion=${LESION:-lesion}            # <- its path, unless it is in PATH

name=results/$(basename "${1:?which study?}" .yaml)
exec "$lesion" merge --force "$name".*-of-*.db -o "$name.db"
