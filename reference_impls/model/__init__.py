"""The model: policy, forward pass, decoder, sampling, batches, memory and checkpoints."""
