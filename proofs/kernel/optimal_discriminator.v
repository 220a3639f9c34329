(* The cornerstone, on every finite support, checked by Coq's kernel.

   A finite support is a list of pairs (p, q) of positive masses, data first.
     opt_d        log d and log (1 - d), weighted by a and b, are largest together at a / (a + b)
     opt_value    no discriminator beats the optimal one
     value_is_jsd its value is 2 JSD - 2 ln 2
     value_min    its value is at least - 2 ln 2 *)

Require Import Reals Lra List.
Import ListNotations.
Open Scope R_scope.

Definition term (a b d : R) : R := a * ln d + b * ln (1 - d).
Definition best (a b : R) : R := a / (a + b).

(* Gibbs, in the one form that everything below needs. *)
Lemma ln_le_sub_one : forall x, 0 < x -> ln x <= x - 1.
Proof.
  intros x hx. destruct (Req_dec x 1) as [e | n].
  - subst x. rewrite ln_1. lra.
  - assert (ln x <> 0) as nz.
    { intro z. apply n. rewrite <- (exp_ln x hx), z. apply exp_0. }
    generalize (exp_ineq1 (ln x) nz). rewrite (exp_ln x hx). lra.
Qed.

Lemma ln_div : forall x y, 0 < x -> 0 < y -> ln (x / y) = ln x - ln y.
Proof.
  intros x y hx hy. unfold Rdiv.
  rewrite ln_mult; [| assumption | now apply Rinv_0_lt_compat].
  rewrite ln_Rinv; [ring | assumption].
Qed.

Lemma tangent : forall a x y, 0 <= a -> 0 < x -> 0 < y -> a * ln y - a * ln x <= a * (y / x - 1).
Proof.
  intros a x y ha hx hy.
  replace (a * ln y - a * ln x) with (a * ln (y / x)) by (rewrite ln_div by assumption; ring).
  apply Rmult_le_compat_l; [assumption | apply ln_le_sub_one].
  now apply Rdiv_lt_0_compat.
Qed.

Lemma best_inside : forall a b, 0 < a -> 0 < b -> 0 < best a b < 1.
Proof.
  intros a b ha hb. unfold best. split.
  - apply Rdiv_lt_0_compat; lra.
  - apply (Rmult_lt_reg_r (a + b)); [lra |]. unfold Rdiv.
    rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Theorem opt_d : forall a b d,
  0 < a -> 0 < b -> 0 < d < 1 -> term a b d <= term a b (best a b).
Proof.
  intros a b d ha hb [hd hd1]. destruct (best_inside a b ha hb) as [hB hB1]. unfold term.
  assert (a * ln d - a * ln (best a b) <= a * (d / best a b - 1)) as h1
    by (apply tangent; lra).
  assert (b * ln (1 - d) - b * ln (1 - best a b) <= b * ((1 - d) / (1 - best a b) - 1)) as h2
    by (apply tangent; lra).
  assert (a * (d / best a b - 1) + b * ((1 - d) / (1 - best a b) - 1) = 0) as z
    by (unfold best; field; lra).
  lra.
Qed.

Definition support := list (R * R).
Definition sum (f : R * R -> R) (s : support) : R := fold_right (fun x acc => f x + acc) 0 s.
Definition positive (s : support) : Prop := Forall (fun x => 0 < fst x /\ 0 < snd x) s.
Definition normed (s : support) : Prop := sum fst s = 1 /\ sum snd s = 1.

(* The value of a discriminator that may depend on everything. *)
Definition value (d : R * R -> R) (s : support) : R := sum (fun x => term (fst x) (snd x) (d x)) s.
Definition optimal (x : R * R) : R := best (fst x) (snd x).
Definition mid (x : R * R) : R := (fst x + snd x) / 2.
Definition kl (f g : R * R -> R) (s : support) : R := sum (fun x => f x * ln (f x / g x)) s.
Definition jsd (s : support) : R := kl fst mid s / 2 + kl snd mid s / 2.

Lemma sum_le : forall f g s, Forall (fun x => f x <= g x) s -> sum f s <= sum g s.
Proof.
  intros f g s h. induction h as [| x s hx hs IH]; simpl; [lra |].
  fold (sum f s) (sum g s). lra.
Qed.

Theorem opt_value : forall s d,
  positive s -> (forall x, 0 < d x < 1) -> value d s <= value optimal s.
Proof.
  intros s d hs hd. unfold value. apply sum_le.
  eapply Forall_impl; [| exact hs]. intros x [hp hq]. now apply opt_d.
Qed.

Lemma at_best : forall a b, 0 < a -> 0 < b ->
  term a b (best a b) = a * ln (a / ((a + b) / 2)) + b * ln (b / ((a + b) / 2)) - (a + b) * ln 2.
Proof.
  intros a b ha hb. unfold term.
  replace (1 - best a b) with (b / (a + b)) by (unfold best; field; lra).
  unfold best. rewrite !ln_div by lra. ring.
Qed.

Lemma value_on_masses : forall s, positive s ->
  value optimal s = 2 * jsd s - (sum fst s + sum snd s) * ln 2.
Proof.
  intros s h. unfold value, jsd, kl.
  induction h as [| x s [hp hq] hs IH]; simpl; [lra |].
  unfold sum in *. unfold optimal at 1. rewrite at_best by assumption.
  unfold mid at 1 3. rewrite IH. field.
Qed.

Theorem value_is_jsd : forall s, positive s -> normed s ->
  value optimal s = 2 * jsd s - 2 * ln 2.
Proof.
  intros s h [hp hq]. rewrite value_on_masses by assumption. rewrite hp, hq. ring.
Qed.

(* Half is a discriminator too: its value is - 2 ln 2. *)
Lemma value_of_half : forall s,
  value (fun _ => / 2) s = - (sum fst s + sum snd s) * ln 2.
Proof.
  intros s. unfold value, sum. induction s as [| x s IH]; simpl; [ring |].
  rewrite IH. unfold term. replace (1 - / 2) with (/ 2) by field.
  rewrite ln_Rinv by lra. ring.
Qed.

Theorem value_min : forall s, positive s -> normed s -> - 2 * ln 2 <= value optimal s.
Proof.
  intros s h [hp hq].
  replace (- 2 * ln 2) with (value (fun _ => / 2) s)
    by (rewrite value_of_half, hp, hq; ring).
  apply opt_value; [assumption | intros; lra].
Qed.

Print Assumptions opt_value.
Print Assumptions value_is_jsd.
Print Assumptions value_min.
