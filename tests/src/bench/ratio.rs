//! Ratios of measurements that were taken in turn.

/// Measurements of several configurations, round by round.
#[derive(Clone, Debug)]
pub struct Ratios {
    rounds: Vec<Vec<f64>>,
    width: usize,
}

impl Ratios {
    /// For so many configurations; the first is the baseline.
    pub fn new(width: usize) -> Self {
        Self { rounds: Vec::new(), width }
    }

    /// Takes in one measurement of each.
    ///
    /// # Panics
    /// If there are not as many as configurations.
    pub fn round(&mut self, measurements: Vec<f64>) {
        assert_eq!(measurements.len(), self.width, "one measurement of each configuration");
        self.rounds.push(measurements);
    }

    /// The median of a configuration's measurements.
    pub fn median(&self, configuration: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[configuration]).collect())
    }

    /// The median of a configuration's ratios to the baseline of the same round.
    pub fn ratio(&self, configuration: usize) -> f64 {
        median(self.rounds.iter().map(|round| round[configuration] / round[0]).collect())
    }
}

/// The middle value; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
