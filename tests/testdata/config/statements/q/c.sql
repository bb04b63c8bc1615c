SELECT x
  FROM {usrs}
 WHERE x < :low_balnce
