//! What tests share: a manual clock, scripted workers, temporary stores, small repositories.
