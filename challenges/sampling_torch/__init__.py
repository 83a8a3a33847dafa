"""sampling_torch: draw from six densities that are known up to a factor."""
