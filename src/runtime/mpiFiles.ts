/** What the libraries of MPI's two kinds are called by Debian (libopenmpi3, libmpich12) and by those who build them themselves. */
export const mpiFiles = {
  'Open MPI': ['libmpi.so.40', 'libmpi.so', 'libmpi.40.dylib', 'libmpi.dylib'],
  MPICH: ['libmpi.so.12', 'libmpich.so.12', 'libmpich.so', 'libmpi.12.dylib', 'libmpi.so'],
} as const
